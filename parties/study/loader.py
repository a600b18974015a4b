"""Finding a scenario by name or path, and loading exactly the source that is hashed and shown.

The files are read once. Those bytes are what the lint sees, what runs, and what the agreed document holds.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sys
import types
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import Loader as ImportLoader
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path

from mpc.errors import ComityError, ConfigError
from mpc.machine.operation import place
from mpc.releases.scenario import Scenario
from mpc.releases.speaking import held, holding
from mpc.suggestions import also, closest
from parties.data.misplaced import check_kind
from parties.study.lint import library_names, lint
from parties.study.sqlfile import is_sql_file, module_of, read_sql_file
from parties.text.echo import echo, scenario_print
from protocols.mistakes import mistake, of_the_author

#: Largest source of a scenario, all files together.
MAX_SOURCE = 1 << 20
_PACKAGE = "_comity_scenario"
#: The prints of scenarios that were loaded: path, and lines.
_spoken: set[tuple[object, ...]] = set()
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Loaded:
    """A scenario with the source it came from.

    name     of its file or folder, without .py or .toml
    path     that file or folder
    sources  relative name -> bytes with LF line ends, sorted by name; they are part of the agreement
    doc      the docstring: who brings what, who learns what
    library  "file, line N: name" of each use of library code, for people to read
    shares   the same for code that works on shares
    said     lines that it printed when it was loaded
    """

    name: str
    path: Path
    scenario: Scenario
    sources: dict[str, bytes]
    doc: str
    library: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def folder() -> Path:
    """Where the bundled scenarios are."""
    spec = importlib.util.find_spec("scenarios")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("the package `scenarios` is not installed; install Comity anew")
    return Path(next(iter(spec.submodule_search_locations)))


def available() -> dict[str, Path]:
    """The bundled scenarios, name -> path, without loading any."""
    scenarios = {}
    for path in sorted(folder().iterdir()):
        if path.suffix == ".py" and not path.name.startswith("_"):
            scenarios[path.stem] = path
        elif (path / "__init__.py").exists():
            scenarios[path.name] = path
    return scenarios


def find(name: str, *, base: Path | None = None) -> Path:
    """The file or folder of a scenario, by a bundled scenario's name or by a path (relative to `base`)."""
    bundled = available()
    if name in bundled:
        return bundled[name]
    path = (base or Path()) / Path(name).expanduser()
    check_kind(path, "scenario")
    if (path.suffix == ".py" or is_sql_file(path)) and path.is_file():
        return path
    if path.is_dir():
        if not (path / "__init__.py").is_file():
            raise ConfigError(f"scenario {path}: a folder needs a file __init__.py that defines `scenario`")
        return path
    known = ", ".join(bundled) or "none"
    if path.is_file():
        raise ConfigError(
            f"{path} is no scenario: that is NAME.py, NAME.toml with SQL, or one that comes with Comity ({known})"
        )
    meant = also(closest(name, bundled))
    raise ConfigError(f"no scenario {name!r}: no such file, and none of this name comes with Comity ({known}){meant}")


def read_sources(path: Path) -> dict[str, bytes]:
    """Every .py of a scenario, or its one file with SQL: relative name -> bytes with LF line ends, without a byte order
    mark."""
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    base = path.parent if path.is_file() else path
    sources = {}
    for file in files:
        try:
            text = file.read_bytes()
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read ({error.strerror})") from None
        text = text.removeprefix(BOM_UTF8)
        sources[file.relative_to(base).as_posix()] = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if sum(map(len, sources.values())) > MAX_SOURCE:
        raise ConfigError(f"scenario {path}: more than {MAX_SOURCE >> 20} MiB of source")
    return dict(sorted(sources.items()))


def docstring(path: Path) -> str:
    """A scenario's docstring, without running it."""
    source = read_sources(path)[path.name if path.is_file() else "__init__.py"]
    if is_sql_file(path):
        return read_sql_file(source, path.name).about
    try:
        return ast.get_docstring(ast.parse(source)) or ""
    except (SyntaxError, ValueError):
        return ""


def load(name: str, *, base: Path | None = None) -> Loaded:
    """A scenario by name or path, freshly executed from the bytes that are returned as its sources.

    Raises ConfigError for a scenario that `parties.study.lint` refuses, that fails or that defines no `scenario`; the
    error has the exit code of a wrong scenario.
    """
    path = find(name, base=base)
    sources = read_sources(path)
    single = path.is_file()
    try:
        return _loaded(path, sources, single)
    except ConfigError as error:
        raise of_the_author(error) from error.__cause__


def _loaded(path: Path, sources: dict[str, bytes], single: bool) -> Loaded:
    if is_sql_file(path):
        trees = {path.name: module_of(sources[path.name], path.name)}
    else:
        trees = lint(sources, folder=not single)
    for file in () if is_sql_file(path) else trees:
        if not all(_NAME.fullmatch(part) for part in file.removesuffix(".py").split("/")):
            raise ConfigError(f"scenario file {file!r}: use letters, digits and _ in file names")
    entry = path.name if single else "__init__.py"
    said: list[str] = []
    try:
        with held() as said:
            module = _execute(path, entry, trees)
    finally:
        _show_prints(path, said)
    scenario = getattr(module, "scenario", None)
    if not isinstance(scenario, Scenario):
        raise ConfigError(f"{entry}: a scenario file must define  scenario = Scenario(inputs=…)")
    if inspect.isasyncgenfunction(scenario.script):
        raise ConfigError(f"{entry}: the function under @scenario.run must not `yield`: it releases what comes out")
    if not inspect.iscoroutinefunction(scenario.script):
        raise ConfigError(f"{entry}: the function under @scenario.run must be an `async def`")
    library, shares = (
        tuple(
            f"{file}, line {line}: {name}" for file, tree in trees.items() for line, name in library_names(tree, level)
        )
        for level in ("library", "shares")
    )
    name = path.stem if single else path.name
    about = read_sql_file(sources[path.name], path.name).about if is_sql_file(path) else inspect.getdoc(module) or ""
    return Loaded(name, path, scenario, sources, about, library, shares, tuple(said))


def _execute(path: Path, entry: str, trees: dict[str, ast.Module]) -> types.ModuleType:
    """Run the parsed files as modules under a private name, which is removed afterwards."""
    root = path.parent if path.is_file() else path
    finder = _Finder(root, entry, trees)
    with _temporary(finder):
        spec = finder.find_spec(_PACKAGE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[_PACKAGE] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # an author's module may raise anything: it is reported, not hidden
            files = {str(root / file) for file in trees}
            lines = [frame for frame in _frames(error) if frame[0] in files]
            if isinstance(error, ComityError):
                if error.source is None and lines:
                    error.source = place(lines[-1])
                raise
            where = f"{Path(lines[-1][0]).name}, line {lines[-1][1]}" if lines else entry
            what = mistake(error) or f"{type(error).__name__}: {error}"
            raise ConfigError(f"{where}: the scenario fails when it is loaded: {what}") from error
    return module


def _show_prints(path: Path, said: Sequence[str]) -> None:
    """Show once what a scenario's files print when they are loaded."""
    new = (path.resolve(), *said)
    if said and new not in _spoken and not holding(list(said)):
        _spoken.add(new)
        echo(*said, err=True)


def _frames(error: Exception) -> list[tuple[str, int]]:
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return frames


class _Finder(MetaPathFinder, ImportLoader):
    """Imports the files of one scenario from memory."""

    def __init__(self, root: Path, entry: str, trees: dict[str, ast.Module]) -> None:
        self.root, self.entry, self.trees = root, entry, trees

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == _PACKAGE:
            return self._spec(fullname, self.entry, package=self.entry == "__init__.py")
        if not fullname.startswith(_PACKAGE + "."):
            return None
        inner = fullname.removeprefix(_PACKAGE + ".").replace(".", "/")
        if f"{inner}/__init__.py" in self.trees:
            return self._spec(fullname, f"{inner}/__init__.py", package=True)
        return self._spec(fullname, f"{inner}.py", package=False) if f"{inner}.py" in self.trees else None

    def _spec(self, fullname: str, file: str, *, package: bool) -> ModuleSpec:
        spec = ModuleSpec(fullname, self, origin=str(self.root / file), is_package=package)
        spec.loader_state = file
        spec.has_location = True
        return spec

    def exec_module(self, module: types.ModuleType) -> None:
        assert module.__spec__ is not None
        file = module.__spec__.loader_state
        code = compile(self.trees[file], str(self.root / file), "exec", dont_inherit=True)
        vars(module)["print"] = scenario_print  # Python's print would write unfiltered text
        exec(code, vars(module))  # the one place that runs a scenario's source, which people have agreed to


@contextmanager
def _temporary(finder: _Finder) -> Iterator[None]:
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [n for n in sys.modules if n == _PACKAGE or n.startswith(_PACKAGE + ".")]:
            del sys.modules[name]
