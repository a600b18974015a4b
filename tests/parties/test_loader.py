"""Finding and loading scenarios: what runs is what is hashed, and what the lint refuses never runs."""

from __future__ import annotations

import sys

import pytest

from mpc.errors import ConfigError
from parties.study import loader

GOOD = '''"""Ages.

Brings    every hospital: its patients
"""
import math
from dataclasses import dataclass

import numpy as np

from mpc.tables.schema import Real, Table
from mpc.releases.scenario import Scenario


class Patients(Table):
    age = Real(0, 120)


@dataclass
class Local:
    x: "int" = math.floor(2.5)


scenario = Scenario(inputs={"patients": Patients.rows()}, parameters={"bins": 4})


@scenario.run
async def run(study):
    np.linspace(0, 1, Local().x)


@scenario.plaintext
def plaintext(patients):
    import pandas as pd
    from scipy import stats
    return {}
'''
HEAD = GOOD.count("\n")


def write(folder, text, name="ages.py"):
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text(text)
    return str(folder / name)


def test_a_file_is_loaded_with_its_sources_and_docstring(tmp_path):
    loaded = loader.load(write(tmp_path, GOOD))
    assert loaded.name == "ages"
    assert loaded.sources == {"ages.py": GOOD.encode()}
    assert loaded.doc.startswith("Ages.\n\nBrings")
    assert list(loaded.scenario.inputs) == ["patients"]
    assert loaded.scenario.parameters == {"bins": 4}


def test_loading_leaves_no_module_and_is_fresh_each_time(tmp_path):
    before, path = set(sys.modules), write(tmp_path, GOOD)
    hooks = list(sys.meta_path)
    first, second = loader.load(path), loader.load(path)
    assert first.scenario is not second.scenario
    assert {name for name in set(sys.modules) - before if "ages" in name or "comity" in name} == set()
    assert sys.meta_path == hooks


def test_line_ends_do_not_change_the_sources(tmp_path):
    (tmp_path / "ages.py").write_bytes(GOOD.replace("\n", "\r\n").encode())
    assert loader.load(str(tmp_path / "ages.py")).sources == {"ages.py": GOOD.encode()}


def test_a_path_is_seen_from_the_studys_folder(tmp_path):
    write(tmp_path, GOOD, "scenarios/ages.py")
    assert loader.load("scenarios/ages.py", base=tmp_path).name == "ages"
    with pytest.raises(ConfigError, match=r"no scenario 'other\.py'"):
        loader.load("other.py", base=tmp_path)


def test_every_file_of_a_folder_belongs_to_it(tmp_path):
    write(tmp_path, GOOD.replace("class Patients(Table):\n    age = Real(0, 120)", "from .tables import Patients"),
          "study/__init__.py")  # fmt: skip
    write(
        tmp_path,
        "from mpc.tables.schema import Real, Table\nclass Patients(Table):\n    age = Real(0, 120)\n",
        "study/tables.py",
    )
    write(tmp_path, "", "study/inner/__init__.py")
    loaded = loader.load(str(tmp_path / "study"))
    assert list(loaded.sources) == ["__init__.py", "inner/__init__.py", "tables.py"]
    assert loaded.scenario.inputs["patients"].schema.names == ("age",)
    write(tmp_path, "import os\n", "study/inner/unused.py")
    with pytest.raises(ConfigError, match=r"inner/unused\.py, line 1: a scenario may not use import os"):
        loader.load(str(tmp_path / "study"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"needs a file __init__\.py"):
        loader.load(str(tmp_path / "empty"))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("import os", "import os"),
        ("import socket", "import socket"),
        ("from subprocess import run", "import subprocess"),
        ("import asyncio", "import asyncio"),
        ("import random", "import random"),
        ("import pickle", "import pickle"),
        ("import parties.organization.identity", "import parties"),
        ("import pandas as pd", "import pandas outside of a function"),
        ("import scipy.stats", "import scipy.stats outside of the function under @scenario.plaintext"),
        ("def f():\n    import scipy", "import scipy outside"),
        ("from .tables import T", "a relative import"),
        ("x = open('a')", "open"),
        ("x = eval('1')", "eval"),
        ("exec('1')", "exec"),
        ("x = __import__('os')", "__import__"),
        ("x = getattr(scenario, 'inputs')", "getattr"),
        ("x = [].__class__", ".__class__"),
        ("x = run.__globals__", ".__globals__"),
        ("x = __builtins__", "__builtins__"),
        ("x = np.load('a')", "np.load"),
        ("x = np.random.default_rng()", "np.random"),
        ("from numpy import fromfile", "numpy.fromfile"),
        ("from numpy.random import default_rng", "numpy.random"),
        ("def f(pd):\n    import pandas as pd\n    return pd.read_csv('a')", "pd.read_csv"),
        ("np.zeros(3).tofile('a')", ".tofile"),
        ("from mpc.machine.operation import os", "import mpc.machine.operation"),
        ("from protocols.statistics import np", "np of protocols.statistics"),
        ("from protocols.statistics.regression import np", "import protocols.statistics.regression"),
        ("import protocols.simulate", "import protocols.simulate"),
        ("from protocols import simulate", "simulate of protocols"),
        ("from protocols.order import order_of", "order_of of protocols.order"),
        ("from protocols.replicated.opening import reveal", "import protocols.replicated.opening"),
        ("import mpc\nmpc.operation.os.getpid()", "mpc.operation"),
        ("import protocols.statistics as st\nst.regression.np", "st.regression"),
        ("import statistics\nstatistics.random.random()", "statistics.random"),
        ("from dataclasses import sys", "sys of dataclasses"),
        ("np.polynomial.polynomial.np", "np.polynomial.polynomial.np"),
        ("from operator import attrgetter", "attrgetter"),
        ("async def f(study):\n    study.run.schedule('open')", ".run"),
        ("def f(x):\n    return x.handle", ".handle"),
        ("def f(x):\n    return x._of(x)", "._of"),
        ("def f(x):\n    return x.view(lambda a: a[0])", ".view"),
        ("def f(x):\n    return x.restated(bound=1)", ".restated"),
        ("def f(study):\n    return study.results", ".results"),
        ("def f(study):\n    return '{0._run.dry}'.format(study)", "{0._run.dry} in a text"),
        ("TEXT = 'mean of {x.handle.spec!r:>9}'", "{x.handle.spec} in a text"),
        ("import string\nstring.Formatter()", ".Formatter"),
        ("from string import Formatter", "Formatter"),
        ("def f(r):\n    r.minimum = 1", "an assignment to .minimum"),
        ("import datetime\nx = datetime.date.today()", ".today"),
        ("from datetime import datetime\nx = datetime.now()", ".now"),
        ("x = np.datetime64('now')", "the clock"),
        ("def f():\n    import pandas as pd\n    return pd.Timestamp('today')", "the clock"),
        ("def f(study):\n    match study:\n        case object(run=found): return found", ".run"),
        ("x = id(scenario)", "id"),
        ("x = hash('a')", "hash"),
        ("x = np.empty(3)", "np.empty"),
        ("def f():\n    raise SystemExit", "SystemExit"),
        ("try:\n    pass\nexcept:\n    pass", "a bare except"),
    ],
)
def test_what_reaches_out_of_a_scenario_is_refused_with_file_and_line(tmp_path, line, what):
    with pytest.raises(ConfigError) as error:
        loader.load(write(tmp_path, GOOD + line + "\n"))
    message = str(error.value)
    first = HEAD + 1 + line[: line.find(what.split(" ")[-1])].count("\n") if "\n" in line else HEAD + 1
    assert message.startswith("ages.py, line ")
    assert f"a scenario may not use {what}" in message
    assert first <= int(message.split("line ")[1].split(":")[0]) <= HEAD + 1 + line.count("\n")


def test_the_first_line_refused_is_named_and_nothing_has_run(tmp_path, capsys):
    path = write(tmp_path, "print('ran')\n\nimport os\nimport socket\n")
    with pytest.raises(ConfigError, match=r"ages\.py, line 3: a scenario may not use import os"):
        loader.load(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (", r"ages\.py, line 1: not Python"),
        ("x = 1\n", "must define  scenario"),
        (GOOD.replace("async def run", "def run"), "must be an `async def`"),
        (GOOD.replace("@scenario.run\n", ""), "no `@scenario.run`"),
        (GOOD + "x = 1 / 0\n", rf"ages\.py, line {HEAD + 1}: the scenario fails when it is loaded: ZeroDivisionError"),
        (GOOD.replace("Real(0, 120)", "Real(5, 1)"), "the lower limit must be below"),
    ],
)
def test_files_that_are_no_scenario(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        loader.load(write(tmp_path, text))


def test_imports_for_type_checkers_are_let_pass(tmp_path):
    typed = GOOD.replace("import math\n", "import math\nfrom typing import TYPE_CHECKING\n")
    text = typed + "if TYPE_CHECKING:\n    import pandas as pd\n"
    assert loader.load(write(tmp_path, text)).name == "ages"
    with pytest.raises(ConfigError, match="import pandas outside"):
        loader.load(write(tmp_path, text + "else:\n    import pandas as pd\n"))


def test_bundled_scenarios_load_and_have_a_docstring():
    for name in loader.available():
        loaded = loader.load(name)
        assert loaded.doc
        assert loaded.scenario.oracle is not None


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("for x in {'a', 'b'}: pass", True),
        ("for i, x in enumerate({'a', 'b'}): pass", True),
        ("for x in (s := {'a', 'b'}): pass", True),
        ("s, n = {'a', 'b'}, 1\nfor x in s: pass", True),
        ("s, n = ['a', 'b'], {1}\nfor x in s: pass", False),
        ("LEVELS = {'a', 'b'}\ny = [x for x in LEVELS]", True),
        ("y = {x: 1 for x in set('ab')}", True),
        ("y = list(frozenset('ab'))", True),
        ("def f(levels: set[str]):\n    return [x for x in levels]", True),
        ("def f() -> set[str]:\n    return set('ab')\nfor x in f(): pass", True),
        ("a = set('ab')\nb = a | {'c'}\nx, y, z = b", True),
        ("a = set('ab')\nx = a.pop()", True),
        ("a = {'x': 1}.keys() & {'x': 2}.keys()\nfor x in a: pass", True),
        ("y = ''.join({'a', 'b'})", True),
        ("def f(levels):\n    return [x for x in levels]\nf({'a', 'b'})", True),
        ("groups = {'x': {'a', 'b'}}\nfor x in groups['x']: pass", True),
        ("groups = [{'a', 'b'}]\nfor group in groups:\n    for x in group: pass", True),
        ("groups = {'x': {'a', 'b'}}\ny = [x for name, group in groups.items() for x in group]", True),
        ("from collections import defaultdict\nd = defaultdict(set)\nd[1].add('a')\ny = list(d[1])", True),
        ("y = max({'a', 'b'}, key=len)", True),
        (
            "def f():\n    levels = ['a']\n    return [x for x in levels]\n"
            "@scenario.plaintext\ndef plaintext(x):\n    levels = {'a'}\n    return {}",
            False,
        ),
        ("groups = {'x': ['a', 'b']}\nfor x in groups['x']: pass", False),
        ("groups = [{'a', 'b'}]\nfor group in groups:\n    y = 'a' in group or len(group)", False),
        ("y = f'{set(\"ab\")}'", True),
        ("for x in sorted({'b', 'a'}): pass", False),
        ("LEVELS = {'a', 'b'}\ny = [x for x in ('a', 'c') if x in LEVELS]", False),
        ("y = len(set('ab')) + max({1, 2})", False),
        ("y = {'a', 'b'} == {'b', 'a'} and {'a'} <= {'a', 'b'} and {'a'}.issubset({'b'})", False),
        ("for x in {'a': 1, 'b': 2}: pass", False),
        ("y = [1, 2].pop()", False),
        ("@scenario.plaintext\ndef plaintext(x):\n    return {n: 1 for n in {'a'}}", False),
    ],
)
def test_what_has_no_order_of_its_own_is_not_gone_through(tmp_path, line, refused):
    """Parties would run such a loop in different orders."""
    path = write(tmp_path, GOOD + line + "\n")
    if not refused:
        loader.load(path)
        return
    with pytest.raises(ConfigError, match=r"a scenario may not use the elements of a set .* write sorted\("):
        loader.load(path)


def test_public_names_may_be_taken_where_they_are_defined(tmp_path):
    more = (
        "from mpc.tables.schema import Flag\nfrom mpc.errors import ComityError\nimport protocols.statistics\n"
        "from protocols import order\nfrom protocols.order import median\nimport numpy.linalg as la\n"
        "x = (protocols.statistics.ols, order.sort, la.norm, np.linalg.norm, np.float64(1).real)\n"
        "class Own:\n    def __init__(self):\n        self._kept = self.run = 1\n"
    )
    assert loader.load(write(tmp_path, GOOD + more)).library == ()


def test_names_of_library_code_are_listed_for_people(tmp_path):
    more = "from mpc.values.secret import constant\ndef f(x):\n    return x.bare().without_mask()\n"
    assert loader.load(write(tmp_path, GOOD + more)).library == (
        f"ages.py, line {HEAD + 1}: mpc.values.secret.constant",
        f"ages.py, line {HEAD + 3}: .bare",
        f"ages.py, line {HEAD + 3}: .without_mask",
    )
    more = "from mpc.values.stated import BIT, UNMASKED\ndef f(x):\n    return x.invoke('equal', width=9, result=BIT)\n"
    assert loader.load(write(tmp_path, GOOD + more)).library == (
        f"ages.py, line {HEAD + 1}: mpc.values.stated.BIT",
        f"ages.py, line {HEAD + 1}: mpc.values.stated.UNMASKED",
        f"ages.py, line {HEAD + 3}: .invoke",
    )


def test_a_public_name_that_is_misspelt_is_suggested(tmp_path):
    with pytest.raises(ConfigError, match=r"histogramm of protocols\.statistics; did you mean 'histogram'\?"):
        loader.load(write(tmp_path, GOOD + "from protocols.statistics import histogramm\n"))


def test_sets_of_one_file_are_sets_in_the_others(tmp_path):
    write(tmp_path, GOOD + "from .levels import LEVELS\nfor x in LEVELS: pass\n", "study/__init__.py")
    write(tmp_path, "LEVELS = {'a', 'b'}\n", "study/levels.py")
    with pytest.raises(ConfigError, match=rf"__init__\.py, line {HEAD + 2}: .* the elements of a set"):
        loader.load(str(tmp_path / "study"))


def test_texts_with_fields_are_let_pass(tmp_path):
    text = GOOD + "NAMES = ['mean of {}', '{level}: {0:.3f}', '{:,.1f}', '{a.name}', 'a {. b', '{}.{}']\n"
    assert loader.load(write(tmp_path, text)).name == "ages"
