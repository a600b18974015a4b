"""What must not occur in the sources, and where it may. Of `@guard` see tests/support/sources.py."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.support.sources import PACKAGES, calls, dotted, files, guard, imports, name_of, nodes, none_of, there, uses

#: What runs other code, or randomness that is not the run's. `exec`, `compile` and `eval` of scenarios are the
#: loader's, which is documented there.
FORBIDDEN_IMPORTS = {"pickle", "cPickle", "shelve", "marshal", "dill", "cloudpickle", "random", "imp"}
FORBIDDEN_CALLS = {"eval", "exec", "__import__", "os.system", "os.popen"}
LOADER = "parties/study/loader.py"
#: What makes rows for mock runs, benchmarks and samples, never randomness of a protocol.
SYNTHETIC = ("parties/accuracy", "parties/bench/workloads", "protocols/mock.py", "scenarios/data")


def synthetic() -> list[Path]:
    return [path for name in SYNTHETIC for path in (files(name) if there(name).is_dir() else [there(name)])]


@guard(
    names=[*PACKAGES, LOADER, *SYNTHETIC],
    forbids=[
        ("mpc/new.py", "from pickle import loads"),
        ("parties/new.py", "import random"),
        ("protocols/new.py", "x = np.random.default_rng(1)"),
        ("parties/study/new.py", "exec(text)"),
        ("parties/new.py", "def late():\n    os.system('ls')"),
        ("parties/new.py", "np.load(path)"),
    ],
)
def test_no_pickle_no_eval_no_other_randomness():
    wrong = []
    made = synthetic()
    for path in files(*PACKAGES):
        loader = path == there(LOADER)
        for line, module in imports(path):
            if module.split(".")[0] in FORBIDDEN_IMPORTS or module.startswith("numpy.random"):
                wrong.append(f"{name_of(path)}:{line} imports {module}")
        for line, name in uses(path):
            if name.startswith(("np.random", "numpy.random")) and path not in made:
                wrong.append(f"{name_of(path)}:{line} uses {name}")
        for line, name in calls(path):
            if name in FORBIDDEN_CALLS and not loader:
                wrong.append(f"{name_of(path)}:{line} calls {name}")
            if name in ("np.load", "numpy.load", "yaml.load", "jinja2.Template"):
                wrong.append(f"{name_of(path)}:{line} calls {name}")
    none_of(wrong)


@guard(names=SYNTHETIC, forbids=[("parties/bench/workloads/new.py", "np.random.normal(3)")])
def test_synthetic_data_uses_seeded_generators_only():
    wrong = []
    for path in synthetic():
        for line, name in uses(path):
            if name.startswith(("np.random.", "numpy.random.")) and name.split(".")[2] not in (
                "default_rng",
                "Generator",
            ):
                wrong.append(f"{name_of(path)}:{line} uses {name}")
    none_of(wrong)


#: Standard modules that `mpc` may import: nothing of the outside world among them.
PURE = {
    "__future__",
    "abc",
    "asyncio",
    "collections",
    "concurrent",
    "contextlib",
    "contextvars",
    "dataclasses",
    "datetime",  # the calendar; its clock must not be read, as is looked for below
    "decimal",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "inspect",
    "itertools",
    "math",
    "operator",
    "os",  # os.sep and the like; what must not be used of it is looked for below
    "pathlib",
    "re",
    "sys",
    "threading",
    "types",
    "typing",
    "unicodedata",
}


@guard(
    names=["mpc"],
    forbids=[
        ("mpc/new.py", "import socket"),
        ("mpc/new.py", "import pandas"),
        ("mpc/new.py", "x = os.environ"),
        ("mpc/new.py", "print(sys.argv)"),
        ("mpc/new.py", "open('file')"),
        ("mpc/new.py", "Path('file').read_text()"),
        ("mpc/new.py", "await asyncio.sleep(1)"),
        ("mpc/new.py", "from datetime import date\nday = date.today()"),
    ],
)
def test_the_abstract_machine_stays_abstract():
    """No sockets, files, clocks or environment in `mpc`; nothing but numpy and cryptography from outside."""
    wrong = []
    for path in files("mpc"):
        for line, module in imports(path):
            top = module.split(".")[0]
            if top not in PURE | {"mpc", "numpy", "cryptography"}:
                wrong.append(f"{name_of(path)}:{line} imports {module}")
        for line, name in uses(path):
            if name.startswith("os.") and name not in ("os.sep", "os.path"):
                wrong.append(f"{name_of(path)}:{line} uses {name}")
            if name in ("sys.argv", "sys.stdin", "sys.stdout", "sys.stderr"):
                wrong.append(f"{name_of(path)}:{line} uses {name}")
        for line, name in calls(path):
            if name in ("open", "print", "input") or name.split(".")[-1] in (
                "read_text",
                "write_text",
                "read_bytes",
                "write_bytes",
                "today",
                "now",
                "utcnow",
                "create_connection",
                "create_server",
                "open_connection",
                "start_server",
                "time",
                "call_later",
                "call_at",
            ):
                wrong.append(f"{name_of(path)}:{line} calls {name}")
            if name.endswith("asyncio.sleep"):
                wrong.append(f"{name_of(path)}:{line} calls {name}: a clock")
    none_of(wrong)


@guard(
    names=["protocols"],
    forbids=[("protocols/new.py", "import time"), ("protocols/new.py", "from urllib.request import urlopen")],
)
def test_protocols_have_no_clocks_files_or_sockets():
    forbidden = {"socket", "ssl", "time", "datetime", "subprocess", "tempfile", "shutil", "urllib", "http"}
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in files("protocols")
        for line, module in imports(path)
        if module.split(".")[0] in forbidden
    ]
    none_of(wrong)


@guard(
    names=["mpc", "protocols", "scenarios"],
    forbids=[("protocols/new.py", "x = os.environ.get('HOME')"), ("scenarios/new.py", "os.getenv('HOME')")],
)
def test_only_the_outer_layer_reads_the_environment():
    wrong = [
        f"{name_of(path)}:{line} uses {name}"
        for path in files("mpc", "protocols", "scenarios")
        for line, name in uses(path)
        if name.startswith(("os.environ", "os.getenv"))
    ]
    none_of(wrong)


HANDLE_BYTES_OF_PEERS = (
    *(f"parties/net/{name}.py" for name in ("agreement", "channel", "frames", "lane", "link", "meeting", "tls")),
    "protocols/replicated/wire.py",
)


@guard(names=HANDLE_BYTES_OF_PEERS, forbids=[("parties/net/frames.py", "def take(data):\n    assert len(data) > 8")])
def test_what_peers_send_is_not_checked_by_assert():
    """Assertions vanish under -O; a peer's message is refused by an error."""
    wrong = []
    for name in HANDLE_BYTES_OF_PEERS:
        for function in nodes(there(name)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                asserts = [node for node in ast.walk(function) if isinstance(node, ast.Assert)]
                wrong += [f"{name}:{node.lineno}" for node in asserts if not _narrows(node.test)]
    none_of(wrong)


def _narrows(test: ast.expr) -> bool:
    """What only tells the type checker about our own objects: `is not None`, isinstance, hasattr."""
    if isinstance(test, ast.BoolOp):
        return all(_narrows(value) for value in test.values)
    if isinstance(test, ast.Compare):
        return all(isinstance(op, ast.IsNot) for op in test.ops)
    return isinstance(test, ast.Call) and dotted(test.func) in ("isinstance", "hasattr")


@guard(
    names=["mpc", "protocols", "scenarios"],
    forbids=[
        ("mpc/new.py", "try:\n    pass\nexcept:\n    raise"),
        ("protocols/new.py", "try:\n    pass\nexcept Exception:\n    pass"),
    ],
)
def test_a_bare_except_stands_at_the_top_of_processes_only():
    wrong = []
    for path in files("mpc", "protocols", "scenarios"):
        for node in nodes(path):
            if isinstance(node, ast.ExceptHandler):
                name = dotted(node.type) if node.type is not None else ""
                reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
                if node.type is None or (name in ("Exception", "BaseException") and not reraises):
                    ends_the_run = any(
                        isinstance(inner, ast.Call) and dotted(inner.func).endswith(".fail") for inner in ast.walk(node)
                    )
                    if not ends_the_run:
                        wrong.append(f"{name_of(path)}:{node.lineno}")
    none_of(wrong)


@guard(names=PACKAGES, forbids=[("mpc/new.py", "class A:\n    def f(self):\n        raise NotImplementedError")])
def test_what_a_class_leaves_to_others_is_abstract():
    """Then a class that lacks it cannot be used; an error in mid-run would be too late."""
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in files(*PACKAGES)
        for node in nodes(path)
        if isinstance(node, ast.Name) and node.id == "NotImplementedError"
    ]
    none_of(found)


#: The one place that asks an engine to open a share.
OPENS = "mpc/machine/opening.py"


@guard(
    names=["protocols", "scenarios", OPENS],
    forbids=[("protocols/new.py", "run.schedule('open', x)"), ("scenarios/new.py", "x.run.schedule('open', x)")],
)
def test_disclosure_is_searchable():
    """Nothing above the engines opens a share but the code of releases."""
    found = [
        (path, node.lineno)
        for path in files("mpc", "protocols", "scenarios")
        for node in nodes(path)
        if isinstance(node, ast.Call) and dotted(node.func).endswith("schedule") and node.args
        if isinstance(node.args[0], ast.Constant) and node.args[0].value == "open"
    ]
    assert there(OPENS) in [path for path, _ in found]
    none_of([f"{name_of(path)}:{line}" for path, line in found if path != there(OPENS)])
