"""The layers, read from the sources: who imports whom.

scenarios ──> protocols ──> mpc
parties   ──> protocols, mpc

`@guard` shows that each guard would fail if what it names were renamed, and if somebody did what it forbids.
"""

from __future__ import annotations

from tests.support.sources import (
    PACKAGES,
    ROOT,
    at_run_time,
    files,
    guard,
    imports,
    module_of,
    name_of,
    none_of,
    package_of,
    there,
    when_imported,
)

ALLOWED = {
    "mpc": {"mpc"},
    "protocols": {"protocols", "mpc"},
    "parties": {"parties", "protocols", "mpc"},
    "scenarios": {"scenarios", "protocols", "mpc"},
}


@guard(
    names=PACKAGES,
    forbids=[
        ("mpc/new.py", "import protocols"),
        ("mpc/new.py", "if TYPE_CHECKING:\n    from parties.cli import main"),
        ("protocols/new.py", "def late():\n    from scenarios import hospital_statistics"),
        ("scenarios/new.py", "import parties.net"),
        ("parties/new.py", "import scenarios"),
        ("parties/new.py", "from tests.support import marks"),
    ],
)
def test_arrows():
    wrong = []
    for path in files(*PACKAGES):
        allowed = ALLOWED[package_of(path)]
        for line, module in imports(path):
            top = module.split(".")[0]
            if top in (*PACKAGES, "tests") and top not in allowed:
                wrong.append(f"{name_of(path)}:{line} imports {module}")
    none_of(wrong)


@guard(
    names=PACKAGES,
    forbids=[
        ("mpc/errors.py", "from mpc.values import secret"),
        ("mpc/values/fixed.py", "from mpc import Category"),
        ("parties/net/frames.py", "class Early:\n    from parties.net.session import Session"),
    ],
)
def test_modules_do_not_import_each_other():
    """So each can be imported first. Within functions, and of types, they may."""
    modules = {module_of(path): path for path in files(*PACKAGES)}
    left = {name: when_imported(path, modules) for name, path in modules.items()}
    while ready := {name for name, wanted in left.items() if not wanted & left.keys()}:
        left = {name: wanted for name, wanted in left.items() if name not in ready}
    none_of([f"{name} imports {', '.join(sorted(wanted & left.keys()))}" for name, wanted in left.items()])


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
        "accuracy",
        "cli",
    ),
    "protocols.statistics": ("counts", "moments", "regression", "hypotheses", "ranks", "rates", "pooling", "missing"),
}
#: The program's entry, which starts what is at the top.
ENTRIES = ("parties/program.py",)


def room_of(package: str, module: str) -> str:
    """The room of `package.room.module`, "" for what stands beside the rooms."""
    room = module.removeprefix(f"{package}.").split(".")[0]
    return room if module.startswith(f"{package}.") and room in ROOMS[package] else ""


def every_room() -> list[str]:
    return [f"{package.replace('.', '/')}/{room}" for package, order in ROOMS.items() for room in order]


@guard(
    names=every_room(),
    forbids=[
        ("mpc/new.py", "import mpc.values"),
        ("mpc/machine/new.py", "from mpc.values import secret"),
        ("parties/net/new.py", "from parties import run"),
        ("parties/text/deeper/new.py", "def late():\n    from parties.cli import main"),
        ("protocols/statistics/counts/new.py", "from protocols.statistics.moments import moments"),
    ],
)
def test_no_room_imports_one_above_it():
    wrong = []
    for package, order in ROOMS.items():
        folder_of = package.replace(".", "/")
        levels = {there(f"{folder_of}/{room}"): level for level, room in enumerate(order)}
        for path in files(folder_of):
            level = max(levels.get(folder, -1) for folder in path.parents)
            for line, module in at_run_time(path):
                room = room_of(package, module)
                if room and order.index(room) > level and name_of(path) not in ENTRIES and path.name != "__init__.py":
                    wrong.append(f"{name_of(path)}:{line} imports {module}")
    none_of(wrong)


@guard(names=[*every_room(), *ENTRIES], forbids=[("mpc/new_room/new.py", ""), ("parties/new_room/new.py", "")])
def test_every_folder_is_a_room():
    for package, order in ROOMS.items():
        folder = there(package.replace(".", "/"))
        assert {path.parent.name for path in files(str(folder)) if path.parent.parent == folder} == set(order)
    assert all(there(name) for name in ENTRIES)


#: Packages of protocols that work on shares, and the modules beside them that they have in common.
ENGINES = ("ideal", "replicated", "shamir")
COMMON = (
    "chunks.py",
    "compiled.py",
    "declared.py",
    "engines.py",
    "permuting.py",
    "selecting.py",
    "sorting.py",
    "tally.py",
)
#: Makes an engine by its name.
MAKER = "protocols/engines.py"


def beside(module: str) -> str:
    """x of protocols.x and protocols.x.y, "" for other modules."""
    parts = module.split(".")
    return parts[1] if parts[0] == "protocols" and len(parts) > 1 else ""


@guard(
    names=[*(f"protocols/{name}" for name in (*ENGINES, *COMMON)), "scenarios"],
    forbids=[
        ("protocols/shamir/new.py", "import protocols.statistics"),
        ("protocols/shamir/new.py", "from protocols import replicated"),
        ("protocols/ideal/new.py", "from protocols.shamir.floor import Floor"),
        ("protocols/statistics/new.py", "from protocols.replicated import engine"),
        ("scenarios/new.py", "import protocols.shamir"),
    ],
)
def test_engines_know_nothing_of_statistics_nor_each_other():
    known = [there(f"protocols/{name}").stem for name in COMMON]
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for engine in ENGINES
        for path in files(f"protocols/{engine}")
        for line, module in imports(path)
        if beside(module) not in ("", engine, *known)
    ]
    inside = {path for engine in ENGINES for path in files(f"protocols/{engine}")}
    wrong += [
        f"{name_of(path)}:{line} imports {module}"
        for path in files("protocols", "scenarios")
        for line, module in imports(path)
        if path not in inside and beside(module) in ENGINES and path != there(MAKER)
    ]
    none_of(wrong)


SHARES = "mpc/machine"


@guard(
    names=["scenarios", SHARES],
    forbids=[("scenarios/new.py", "import mpc.machine.party"), ("scenarios/new.py", "from mpc import machine")],
)
def test_scenarios_never_see_a_share():
    machine = ".".join(there(SHARES).relative_to(ROOT).parts)
    wrong = [
        f"{name_of(path)}:{line} imports {module}"
        for path in files("scenarios")
        for line, module in imports(path)
        if module.startswith(machine)
    ]
    none_of(wrong)
