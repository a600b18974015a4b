"""The project's sources as syntax trees, for guards: tests that hold what may stand where.

A guard names folders and files. `files` and `there` fail where these do not exist: a guard whose subject was renamed
fails, in place of reading nothing. `@guard` shows that it does, and that it sees what it forbids.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("mpc", "protocols", "parties", "scenarios")

_hidden: set[Path] = set()
_planted: dict[Path, str] = {}


def there(name: str) -> Path:
    """A file or folder of the project, by its path from ROOT."""
    path = ROOT / name
    seen = path.exists() and not _hidden & {path, *path.parents}
    assert seen, f"{name} is not there; was it renamed? Then its guard has to know"
    return path


def files(*folders: str) -> list[Path]:
    """The Python files of some folders."""
    found: list[Path] = []
    for folder in folders:
        top = there(folder)
        inside = {*top.rglob("*.py"), *(path for path in _planted if path.is_relative_to(top))}
        shown = sorted(path for path in inside if not _hidden & {path, *path.parents})
        assert shown, f"{folder} has no Python files"
        found += shown
    return found


@contextmanager
def changed(*, hidden: Iterable[str] = (), planted: Mapping[str, str] | None = None) -> Iterator[None]:
    """Within it, some files and folders are not seen, and others are there: path from ROOT -> text."""
    _hidden.update(ROOT / name for name in hidden)
    _planted.update({ROOT / name: text for name, text in (planted or {}).items()})
    try:
        yield
    finally:
        _hidden.clear()
        _planted.clear()


def guard(
    *, names: Iterable[str], forbids: Iterable[tuple[str, str]]
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """A test of sources, which passes as they are. It has to fail without any one file or folder of `names`, as if that
    were renamed, and with any one more file of `forbids`: (path, text)."""

    def tested(test: Callable[[], None]) -> Callable[[], None]:
        @wraps(test)
        def wrapped() -> None:
            test()
            for name in names:
                with changed(hidden=[name]):
                    assert _fails(test), f"{test.__name__} passes without {name}"
            for path, text in forbids:
                with changed(planted={path: text}):
                    assert _fails(test), f"{test.__name__} does not see what is wrong in {path}: {text}"

        return wrapped

    return tested


def _fails(test: Callable[[], None]) -> bool:
    try:
        test()
    except AssertionError:
        return True
    return False


def tree(path: Path) -> ast.Module:
    return ast.parse(_planted[path]) if path in _planted else _parsed(path)


def text_of(path: Path) -> str:
    return _planted[path] if path in _planted else path.read_text(encoding="utf-8")


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def nodes(path: Path) -> list[ast.AST]:
    """All of the tree."""
    return _nodes(tree(path))


@cache
def _nodes(module: ast.Module) -> list[ast.AST]:
    return list(ast.walk(module))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, module) of every import, wherever in the file, also under TYPE_CHECKING and inside functions."""
    found = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: a relative import hides its layer"
            assert node.module is not None
            found.append((node.lineno, node.module))
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def at_run_time(path: Path) -> list[tuple[int, str]]:
    """(line, module) of what is imported besides types, wherever in the file."""
    for_types = {
        line
        for node in nodes(path)
        if _is_for_types(node)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return [(line, module) for line, module in imports(path) if line not in for_types]


def _is_for_types(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and dotted(node.test) == "TYPE_CHECKING"


def when_imported(path: Path, modules: Collection[str]) -> set[str]:
    """Which of `modules` are imported before this one is there: not those for types, not those within functions."""
    late = {
        part
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _is_for_types(node)
        for part in ast.walk(node)
    }
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import) and node not in late:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node not in late:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else str(node.module) for name in names}
    return found & set(modules)


def dotted(node: ast.AST | None) -> str:
    """`a.b.c` of an attribute chain, `.b.c` of one that begins with a call or the like, "" for anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    first = node.id if isinstance(node, ast.Name) else ""
    return ".".join([first, *reversed(parts)])


def uses(path: Path) -> list[tuple[int, str]]:
    """(line, name) of every name and attribute chain that is read."""
    return [(node.lineno, dotted(node)) for node in nodes(path) if isinstance(node, ast.Attribute | ast.Name)]


def calls(path: Path) -> list[tuple[int, str]]:
    """(line, name) of every call of a name or an attribute chain."""
    return [(node.lineno, dotted(node.func)) for node in nodes(path) if isinstance(node, ast.Call)]


def none_of(wrong: list[str]) -> None:
    """Fail with one place a line."""
    assert not wrong, "\n".join(wrong)
