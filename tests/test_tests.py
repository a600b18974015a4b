"""Tests about tests: none needs another one, whether imported or run before."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.sources import PACKAGES, dotted, files, guard, imports, name_of, nodes, none_of, there, tree


def imports_a_test(module: str) -> bool:
    """Whether `tests.folder.test_x`, or a name of it, is imported."""
    parts = module.split(".")
    return any(part.startswith("test_") for part in parts[1:] if parts[0] == "tests") or parts[0].startswith("test_")


@guard(
    names=["tests"],
    forbids=[
        ("tests/mpc/test_new.py", "from tests.mpc.test_fixed import values"),
        ("tests/mpc/test_new.py", "def late():\n    from tests.mpc import test_fixed"),
        ("tests/mpc/test_new.py", "import test_fixed"),
        ("tests/mpc/test_new.py", "from support.value_floor import compute"),
        ("tests/mpc/test_new.py", "from value_floor import compute"),
    ],
)
def test_no_test_imports_another():
    """What several tests use stands in tests/support, which imports none of them, and is imported by its whole name."""
    tests = files("tests")
    beside = {path.stem for path in tests} - set(sys.stdlib_module_names) - {*PACKAGES, "tests"} | {"support"}
    none_of(
        [
            f"{name_of(path)}:{line} imports {module}"
            for path in tests
            for line, module in imports(path)
            if imports_a_test(module) or module.split(".")[0] in beside
        ]
    )


#: Make a generator of random numbers, which has a state.
GENERATORS = ("np.random.default_rng", "np.random.Generator", "np.random.RandomState", "random.Random")


def at_import(node: ast.AST, kept: bool = True) -> Iterator[tuple[ast.Call, bool]]:
    """Calls made when a module is imported; and whether what they return is kept, not just asked for something once."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        inside: list[ast.AST] = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        inside += getattr(node, "decorator_list", [])
    else:
        inside = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Call):
        yield node, kept
    for child in inside:
        yield from at_import(child, not isinstance(node, ast.Attribute))


def lasts(node: ast.AST) -> bool:
    """Whether a function's result is kept for several tests: a fixture of a module or a session, or a cache."""
    decorators = getattr(node, "decorator_list", [])
    scopes = [k.value for d in decorators if isinstance(d, ast.Call) for k in d.keywords if k.arg == "scope"]
    cached = any(dotted(d.func if isinstance(d, ast.Call) else d).endswith("cache") for d in decorators)
    return cached or any(isinstance(scope, ast.Constant) and scope.value != "function" for scope in scopes)


def shared_generators(path: Path) -> list[int]:
    """Lines that make a generator which several tests would draw from, or draw from the one of the whole process."""
    found = [node.lineno for node, kept in at_import(tree(path)) if kept and dotted(node.func) in GENERATORS]
    modules = {name for _, name in imports(path)}
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef) and lasts(node):
            returned = [part.value for part in ast.walk(node) if isinstance(part, ast.Return | ast.Yield)]
            calls = [value for value in returned if isinstance(value, ast.Call)]
            found += [call.lineno for call in calls if dotted(call.func) in GENERATORS]
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            of_numpy = name.startswith("np.random.") and name not in GENERATORS
            of_python = name.startswith("random.") and name not in GENERATORS and "random" in modules
            unseeded = name in GENERATORS and not node.args and not node.keywords
            found += [node.lineno] * (of_numpy or of_python or unseeded)
    return sorted(set(found))


@guard(
    names=["tests"],
    forbids=[
        ("tests/test_new.py", "RNG = np.random.default_rng(1)"),
        ("tests/test_new.py", "class Case:\n    chance = random.Random(1)"),
        ("tests/test_new.py", "def data(rng=np.random.default_rng(1)):\n    return rng.random()"),
        ("tests/test_new.py", "@cache\ndef generator():\n    return np.random.default_rng(1)"),
        ("tests/test_new.py", "@pytest.fixture(scope='module')\ndef generator():\n    yield np.random.default_rng(1)"),
        ("tests/test_new.py", "def test_new():\n    np.random.default_rng()"),
        ("tests/test_new.py", "def test_new():\n    np.random.normal(1)"),
        ("tests/test_new.py", "import random\n\ndef test_new():\n    random.random()"),
    ],
)
def test_the_data_of_a_test_do_not_depend_on_the_tests_before_it():
    """Each test, or the function that makes its data, makes its generator from a seed."""
    none_of([f"{name_of(path)}:{line}" for path in files("tests") for line in shared_generators(path)])


GUARDS = ("tests/test_layers.py", "tests/test_forbidden.py", "tests/test_docstrings.py", "tests/test_tests.py")


@guard(names=GUARDS, forbids=[("tests/test_layers.py", "def test_new():\n    pass")])
def test_every_guard_is_shown_to_fail():
    none_of(
        [
            f"{name}:{node.lineno} {node.name} is no @guard"
            for name in GUARDS
            for node in tree(there(name)).body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            if "guard" not in [dotted(d.func) for d in node.decorator_list if isinstance(d, ast.Call)]
        ]
    )
