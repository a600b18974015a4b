"""The layers, read from the sources: who imports whom, and what must not occur where.

scenarios ──> protocols ──> mpc
parties   ──> protocols, mpc
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("mpc", "protocols", "parties", "scenarios", "tests")
ALLOWED = {
    "mpc": {"mpc"},
    "protocols": {"protocols", "mpc"},
    "parties": {"parties", "protocols", "mpc"},
    "scenarios": {"scenarios", "protocols", "mpc"},
}
FILES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def of(*packages: str) -> list[Path]:
    return [path for path in FILES if package_of(path) in packages]


def imports(path: Path) -> list[tuple[int, str]]:
    """Every imported module, wherever in the file, also under TYPE_CHECKING and inside functions."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: a relative import hides its layer"
            assert node.module is not None
            found.append((node.lineno, node.module))
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an attribute chain, "" for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def uses(path: Path) -> list[tuple[int, str]]:
    """Every name and attribute chain that is read."""
    return [
        (node.lineno, dotted(node))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute | ast.Name) and dotted(node)
    ]


def calls(path: Path) -> list[tuple[int, str]]:
    return [(node.lineno, dotted(node.func)) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]


def places(found: list[str]) -> str:
    return "\n".join(found)


def test_there_is_something_to_read():
    assert len(FILES) > 60
    assert {package_of(path) for path in FILES} == set(ALLOWED)


def test_arrows():
    wrong = []
    for path in FILES:
        allowed = ALLOWED[package_of(path)]
        for line, module in imports(path):
            top = module.split(".")[0]
            if top in OURS and top not in allowed:
                wrong.append(f"{name_of(path)}:{line} imports {module}")
    assert not wrong, places(wrong)


TESTS = sorted((ROOT / "tests").rglob("*.py"))


def imports_a_test(module: str) -> bool:
    """Whether `tests.folder.test_x`, or a name of it, is imported."""
    parts = module.split(".")
    return any(part.startswith("test_") for part in parts[1:] if parts[0] == "tests") or parts[0].startswith("test_")


def test_no_test_imports_another():
    """What several tests use stands in tests/support, which imports none of them, and is imported by its whole name."""
    beside = {path.stem for path in TESTS} - set(sys.stdlib_module_names) - set(OURS)
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in TESTS
        for line, module in imports(path)
        if imports_a_test(module) or module.split(".")[0] in beside | {"support"}
    ]
    assert not wrong, places(wrong)


def test_the_guard_of_tests_sees_what_it_forbids():
    assert imports_a_test("tests.mpc.test_fixed")
    assert imports_a_test("test_fixed")
    assert not imports_a_test("tests.support.value_floor.compute")
    found = [module for path in TESTS for _, module in imports(path) if module.startswith("tests.support.")]
    assert len(found) > 200


#: The rooms of a package from the bottom up: none imports one above it. Modules beside them are below all rooms.
ROOMS = {
    "mpc": ("machine", "values", "tables", "releases"),
    "parties": (
        "text",
        "system",
        "data",
        "organization",
        "study",
        "net",
        "contributors",
        "report",
        "run",
        "local",
        "mpyc",
        "bench",
        "cli",
    ),
}
#: The program's entry, which starts what is at the top.
ENTRIES = {"parties/program.py"}


def room_of(package: str, module: str) -> str:
    """The room of `package.room.module`, "" for what stands beside the rooms."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == package and parts[1] in ROOMS[package] else ""


def at_run_time(path: Path) -> list[tuple[int, str]]:
    """What is imported besides types, wherever in the file."""
    for_types = {
        line
        for node in ast.walk(tree(path))
        if isinstance(node, ast.If) and dotted(node.test) == "TYPE_CHECKING"
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return [(line, module) for line, module in imports(path) if line not in for_types]


@pytest.mark.parametrize("package", ROOMS)
def test_no_room_imports_one_above_it(package):
    order = ROOMS[package]
    wrong = []
    for path in of(package):
        parts = path.relative_to(ROOT).parts
        own = order.index(parts[1]) if len(parts) > 2 else -1
        for line, module in at_run_time(path):
            room = room_of(package, module)
            if room and order.index(room) > own and name_of(path) not in ENTRIES and path.name != "__init__.py":
                wrong.append(f"{name_of(path)}:{line} imports {module}")
    assert not wrong, places(wrong)


def test_every_room_is_there_and_in_order():
    for package, order in ROOMS.items():
        there = {path.name for path in (ROOT / package).iterdir() if (path / "__init__.py").exists()}
        assert there == set(order)
    assert all((ROOT / name).exists() for name in ENTRIES)


def test_the_guard_of_rooms_sees_what_it_forbids():
    assert room_of("mpc", "mpc.values.secret") == "values"
    assert room_of("mpc", "mpc.errors") == ""
    found = [module for path in of("parties") for _, module in at_run_time(path) if room_of("parties", module)]
    assert len(found) > 300


def test_engines_know_nothing_of_statistics_nor_each_other():
    wrong = []
    engines = {"ideal", "replicated", "shamir"}
    common = {"chunks", "compiled", "declared", "engines", "permuting", "selecting", "sorting"}
    for engine in engines:
        for path in (ROOT / "protocols" / engine).rglob("*.py"):
            for line, module in imports(path):
                parts = module.split(".")
                if parts[0] == "protocols" and len(parts) > 1 and parts[1] not in {engine, *common}:
                    wrong.append(f"{name_of(path)}:{line} imports {module}")
    for path in of("protocols", "scenarios"):
        if len(path.relative_to(ROOT).parts) > 2 and path.relative_to(ROOT).parts[1] in engines:
            continue
        for line, module in imports(path):
            parts = module.split(".")
            if parts[0] == "protocols" and len(parts) > 1 and parts[1] in engines and path.stem != "engines":
                wrong.append(f"{name_of(path)}:{line} imports {module}")
    assert not wrong, places(wrong)


def test_scenarios_never_see_a_share():
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in of("scenarios")
        for line, module in imports(path)
        if module.startswith("mpc.machine")
    ]
    assert not wrong, places(wrong)


#: What runs other code, or randomness that is not the run's. `exec`, `compile` and `eval` of scenarios are the
#: loader's, which is documented there.
FORBIDDEN_IMPORTS = {"pickle", "cPickle", "shelve", "marshal", "dill", "cloudpickle", "random", "imp"}
FORBIDDEN_CALLS = {"eval", "exec", "__import__", "os.system", "os.popen"}


def test_no_pickle_no_eval_no_other_randomness():
    wrong = []
    for path in FILES:
        loader = name_of(path) == "parties/study/loader.py"
        for line, module in imports(path):
            if module.split(".")[0] in FORBIDDEN_IMPORTS or module.startswith("numpy.random"):
                wrong.append(f"{name_of(path)}:{line} imports {module}")
        for line, name in uses(path):
            if name.startswith(("np.random", "numpy.random")) and not _synthetic(path):
                wrong.append(f"{name_of(path)}:{line} uses {name}")
        for line, name in calls(path):
            if name in FORBIDDEN_CALLS and not loader:
                wrong.append(f"{name_of(path)}:{line} calls {name}")
            if name in ("np.load", "numpy.load", "yaml.load", "jinja2.Template"):
                wrong.append(f"{name_of(path)}:{line} calls {name}")
    assert not wrong, places(wrong)


def _synthetic(path: Path) -> bool:
    """Modules that make rows for mock runs and benchmarks, never randomness of a protocol."""
    return name_of(path).startswith(SYNTHETIC)


SYNTHETIC = ("parties/bench/workloads/", "protocols/mock.py")


def test_synthetic_data_uses_seeded_generators_only():
    wrong = []
    for path in FILES:
        if not _synthetic(path):
            continue
        for line, name in uses(path):
            if name.startswith(("np.random.", "numpy.random.")) and name.split(".")[2] not in (
                "default_rng",
                "Generator",
            ):
                wrong.append(f"{name_of(path)}:{line} uses {name}")
    assert not wrong, places(wrong)


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
}


def test_the_abstract_machine_stays_abstract():
    """No sockets, files, clocks or environment in `mpc`; nothing but numpy and cryptography from outside."""
    wrong = []
    for path in of("mpc"):
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
    assert not wrong, places(wrong)


def test_protocols_have_no_clocks_files_or_sockets():
    forbidden = {"socket", "ssl", "time", "datetime", "subprocess", "tempfile", "shutil", "urllib", "http"}
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in of("protocols")
        for line, module in imports(path)
        if module.split(".")[0] in forbidden
    ]
    assert not wrong, places(wrong)


def test_only_the_outer_layer_reads_the_environment():
    wrong = [
        f"{name_of(path)}:{line} uses {name}"
        for path in of("mpc", "protocols", "scenarios")
        for line, name in uses(path)
        if name.startswith(("os.environ", "os.getenv"))
    ]
    assert not wrong, places(wrong)


def test_what_peers_send_is_not_checked_by_assert():
    """Assertions vanish under -O; a peer's message is refused by an error. Files that handle bytes of peers."""
    names = ("agreement", "channel", "frames", "lane", "link", "meeting", "tls")
    handling = [f"parties/net/{name}.py" for name in names]
    handling += ["protocols/replicated/wire.py"]
    wrong = []
    for name in handling:
        path = ROOT / name
        for function in ast.walk(tree(path)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                asserts = [node for node in ast.walk(function) if isinstance(node, ast.Assert)]
                wrong += [f"{name}:{node.lineno}" for node in asserts if not _narrows(node.test)]
    assert not wrong, places(wrong)


def _narrows(test: ast.expr) -> bool:
    """What only tells the type checker about our own objects: `is not None`, isinstance, hasattr."""
    if isinstance(test, ast.BoolOp):
        return all(_narrows(value) for value in test.values)
    if isinstance(test, ast.Compare):
        return all(isinstance(op, ast.IsNot) for op in test.ops)
    return isinstance(test, ast.Call) and dotted(test.func) in ("isinstance", "hasattr")


def test_a_bare_except_stands_at_the_top_of_processes_only():
    wrong = []
    for path in of("mpc", "protocols", "scenarios"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler):
                name = dotted(node.type) if node.type is not None else ""
                reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
                if node.type is None or (name in ("Exception", "BaseException") and not reraises):
                    ends_the_run = any(
                        isinstance(inner, ast.Call) and dotted(inner.func).endswith(".fail") for inner in ast.walk(node)
                    )
                    if not ends_the_run:
                        wrong.append(f"{name_of(path)}:{node.lineno}")
    assert not wrong, places(wrong)


def test_what_a_class_leaves_to_others_is_abstract():
    """Then a class that lacks it cannot be used; an error in mid-run would be too late."""
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Name) and node.id == "NotImplementedError"
    ]
    assert not found, places(found)


def share_floor() -> list[tuple[Path, ast.AsyncFunctionDef]]:
    """The protocols of the engines on shares, at a party or on a floor: public, interactive, and not a step inside of
    one (for a chunk of it)."""
    found = []
    for engine in ("replicated", "shamir"):
        for path in sorted((ROOT / "protocols" / engine).glob("*.py")):
            for node in tree(path).body:
                if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
                    names = [argument.arg for argument in node.args.args]
                    if names[:1] in (["party"], ["f"]) and not {"chunk", "chunks", "part"} & set(names):
                        found.append((path, node))
    return found


@pytest.mark.parametrize("claim", ["Rounds", "Bytes", "Security"])
def test_protocols_state_what_they_cost_and_promise(claim):
    wrong = []
    for path, node in share_floor():
        text = ast.get_docstring(node) or ""
        stated = any(line.startswith(claim) for line in text.splitlines())
        if not stated and not (claim != "Security" and "Sends nothing" in text):
            wrong.append(f"{name_of(path)}:{node.lineno} {node.name} says nothing about {claim}")
    assert len(share_floor()) > 50
    assert not wrong, places(wrong)


def test_public_functions_say_what_they_do():
    """On the value floor; formulas of costs on the share floor stand beside the protocol they belong to."""
    wrong = []
    for path in of("mpc", "protocols"):
        if path.parent.name in ("replicated", "shamir", "ideal"):
            continue
        for node in tree(path).body:
            public = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_"
            if public and not ast.get_docstring(node):
                wrong.append(f"{name_of(path)}:{node.lineno} {node.name}")
    wrong += [f"{name_of(path)}" for path in FILES if tree(path).body and not ast.get_docstring(tree(path))]
    assert not wrong, places(wrong)


def test_disclosure_is_searchable():
    """Nothing above the engines opens a share but the code of releases."""
    wrong = []
    for path in of("mpc", "protocols", "scenarios"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and dotted(node.func).endswith("schedule") and node.args:
                first = node.args[0]
                opens = isinstance(first, ast.Constant) and first.value == "open"
                if opens and name_of(path) != "mpc/machine/opening.py":
                    wrong.append(f"{name_of(path)}:{node.lineno}")
    assert not wrong, places(wrong)
