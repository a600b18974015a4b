"""Finding and loading scenarios: what runs is what is hashed, and what the lint refuses never runs."""

from __future__ import annotations

import sys

import pytest

from mpc.errors import ConfigError
from parties import loader

GOOD = '''"""Ages.

Brings    every hospital: its patients
"""
import math
from dataclasses import dataclass

import numpy as np

from mpc.schema import Real, Table
from mpc.scenario import Scenario


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
        "from mpc.schema import Real, Table\nclass Patients(Table):\n    age = Real(0, 120)\n",
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
        ("import parties.identity", "import parties"),
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
