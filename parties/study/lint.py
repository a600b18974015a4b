"""Refuse what a scenario's source may not contain, before a line of it runs.

A lint for reviewers, not a sandbox: a scenario runs with its party's rights, so people must read it. Thanks to the lint
they can trust what they read: a script that computes has no files, processes, network, hidden code, randomness, clocks
or internals of Comity, and nothing that runs in another order at another party.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mpc.errors import ConfigError
from parties.study import lint_names as names
from parties.study.lint_order import Unordered, is_plaintext

_MAY = (
    "It may import NumPy, modules of the standard library that only compute, public names of mpc, protocols and "
    "scenarios; pandas inside functions."
)


class Finding(NamedTuple):
    """A refused construct: its line, its name, and what to write instead (may be empty)."""

    line: int
    what: str
    instead: str = ""


def lint(sources: Mapping[str, bytes], *, folder: bool = False) -> dict[str, ast.Module]:
    """The parsed files of a scenario. Raises ConfigError naming file and line of the first thing that is refused.

    `folder`: the scenario is a folder, whose files may import each other (`from .tables import Patients`).
    """
    trees = {name: _parsed(name, source) for name, source in sources.items()}
    for name, tree in trees.items():
        try:
            finding = min(_Walk(tree, folder, Unordered(list(trees.values()))).findings(), default=None)
        except RecursionError:
            raise ConfigError(f"{name}: not Python that people can read (nested too deeply)") from None
        if finding is not None:
            instead = f"; {finding.instead}" if finding.instead else ""
            raise ConfigError(f"{name}, line {finding.line}: a scenario may not use {finding.what}{instead}\n{_MAY}")
    return trees


def _parsed(name: str, source: bytes) -> ast.Module:
    try:
        return ast.parse(source, filename=name)
    except SyntaxError as error:
        raise ConfigError(f"{name}, line {error.lineno}: not Python ({error.msg})") from None
    except ValueError:
        raise ConfigError(f"{name}: not a Python file") from None
    except (RecursionError, MemoryError):
        raise ConfigError(f"{name}: not Python that people can read (nested too deeply)") from None


def library_names(tree: ast.Module, level: str = "library") -> list[tuple[int, str]]:
    """Line and name of each use of library code in a script that passed the lint; for `level` "shares", of code that
    works on shares. These uses are allowed, and shown to people."""
    uses = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in names.LIBRARY_METHODS and level == "library":
            uses.append((node.lineno, f".{node.attr}"))
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ""
            uses += [
                (node.lineno, f"{module}.{alias.name}")
                for alias in node.names
                if names.level(module, alias.name) == level
            ]
        elif isinstance(node, ast.Import):
            uses += [(node.lineno, alias.name) for alias in node.names if names.level(alias.name) == level]
    return sorted(set(uses))


class _Place(NamedTuple):
    """Where in a file a node is: inside a function, inside the oracle, and whether it is a decorator."""

    inside: bool = False
    oracle: bool = False
    decorating: bool = False


class _Walk:
    def __init__(self, tree: ast.Module, folder: bool, unordered: Unordered) -> None:
        self.tree = tree
        self.folder = folder
        #: Name of a module in the file -> its full name.
        self.modules = dict(_bound_modules(tree))
        #: Names that hold a scenario, whose `.run` is the decorator.
        self.scenarios = {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self.unordered = unordered
        #: The file declares protocols on shares.
        self.on_shares = any(isinstance(node, ast.ImportFrom) and node.module == "protocols.own" for node in tree.body)
        self.internal = names.INTERNAL - names.IN_PROTOCOLS if self.on_shares else names.INTERNAL

    def findings(self) -> Iterator[Finding]:
        yield from self._visit(self.tree, _Place())

    def _visit(self, node: ast.AST, place: _Place) -> Iterator[Finding]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            oracle = place.oracle or any(is_plaintext(decorator) for decorator in node.decorator_list)
            place = place._replace(inside=True, oracle=oracle)
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from self._import(node, place)
        elif isinstance(node, ast.Name):
            if node.id in names.REFUSED_NAMES:
                yield Finding(node.lineno, node.id, names.REFUSED_NAMES[node.id])
            elif _is_dunder(node.id) and node.id not in names.ALLOWED_DUNDERS:
                yield Finding(node.lineno, node.id)
        elif isinstance(node, ast.Attribute):
            yield from self._attribute(node, place)
        elif isinstance(node, ast.MatchClass):
            for name in node.kwd_attrs:
                yield from self._inner(ast.Attribute(node.cls, name, ast.Load(), lineno=node.lineno), name)
                if name.startswith("_"):
                    yield Finding(node.lineno, f".{name}", "it is private")
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            yield Finding(node.lineno, "a bare except", "write except Exception")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for field in _attributes_of_format(node.value):
                yield Finding(node.lineno, f"{{{field}}} in a text", "an f-string shows what it takes")
        elif isinstance(node, ast.Call) and not place.oracle and _is_clock(node):
            yield Finding(node.lineno, "the clock", "take a date as a parameter")
        if not place.oracle:
            for line, what in self.unordered.iterated(node):
                yield Finding(line, what, "their order is not the same at all parties: write sorted(...)")
        for child in ast.iter_child_nodes(node):
            unread = isinstance(node, ast.If) and _is_type_checking(node.test) and child in node.body
            decorates = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and child in node.decorator_list
            yield from self._visit(child, _Place(place.inside or unread, place.oracle or unread, decorates))

    def _attribute(self, node: ast.Attribute, place: _Place) -> Iterator[Finding]:
        name = node.attr
        of_self = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
        if (_is_dunder(name) and name not in names.ALLOWED_DUNDERS) or name in names.REFUSED_METHODS:
            yield Finding(node.lineno, f".{name}")
        elif name.startswith("_") and not _is_dunder(name) and name not in names.ALLOWED_PRIVATE and not of_self:
            yield Finding(node.lineno, f".{name}", "it is private")
        elif not place.oracle and not of_self and not (place.decorating and name == "run"):
            yield from self._inner(node, name)
        yield from self._of_module(node, place)

    def _inner(self, node: ast.Attribute, name: str) -> Iterator[Finding]:
        """Internals of a run, clocks, and assignments to attributes of objects."""
        if name in self.internal or (name == "run" and not self._is_scenario(node.value)):
            yield Finding(node.lineno, f".{name}", "it belongs to the inside of a run")
        elif name in names.CLOCKS:
            yield Finding(node.lineno, f".{name}", "it differs between parties")
        elif isinstance(node.ctx, ast.Store | ast.Del):
            yield Finding(node.lineno, f"an assignment to .{name}", "keep your values in variables of your own")

    def _is_scenario(self, value: ast.expr) -> bool:
        return isinstance(value, ast.Name) and value.id in self.scenarios

    def _of_module(self, node: ast.Attribute, place: _Place) -> Iterator[Finding]:
        """An attribute of a module must be one of its public names, not a module that it imports."""
        chain = _chain(node)
        if chain is None or chain[0] not in self.modules:
            return
        root, *parts = chain
        module = self.modules[root]
        for i, part in enumerate(parts):
            if root_of(module) in names.OURS:
                if f"{module}.{part}" in names.PUBLIC | names.LIBRARY:
                    module = f"{module}.{part}"
                    continue
                if names.level(module, part) is None:
                    yield Finding(node.lineno, ".".join([root, *parts[: i + 1]]), "it is no public name")
                return
            if root_of(module) in ("numpy", "pandas"):
                if names.reaches_out(part):
                    yield Finding(node.lineno, ".".join([root, *parts[: i + 1]]))
                    return
                if part in names.UNSET and not place.oracle:
                    yield Finding(node.lineno, f"{root}.{part}", "it differs between parties: write zeros")
                    return
                if root_of(module) == "pandas":
                    return
            if not names.reachable(module, part):
                yield Finding(node.lineno, ".".join([root, *parts[: i + 1]]), "it is no public name")
                return
            module = f"{module}.{part}"

    def _import(self, node: ast.Import | ast.ImportFrom, place: _Place) -> Iterator[Finding]:
        if isinstance(node, ast.ImportFrom) and node.level:
            if not self.folder:
                yield Finding(node.lineno, "a relative import: it is a single file")
            elif place.inside:
                yield Finding(node.lineno, "a relative import inside a function; move it to the top of the file")
            elif node.level > 1:
                yield Finding(node.lineno, "files outside of its folder")
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from self._module(node.lineno, alias.name, place)
            return
        module = node.module or ""
        refused = list(self._module(node.lineno, module, place))
        yield from refused
        for alias in [] if refused else node.names:
            yield from self._taken(node.lineno, module, alias.name, place)

    def _module(self, line: int, module: str, place: _Place) -> Iterator[Finding]:
        root, *parts = module.split(".")
        known = names.PURE | names.OURS | names.IN_FUNCTIONS | names.IN_PLAINTEXT | {"numpy"}
        if root in names.IN_FUNCTIONS and not place.inside:
            yield Finding(line, f"import {root} outside of a function")
        elif root in names.IN_PLAINTEXT and not place.oracle:
            yield Finding(line, f"import {module} outside of the function under @scenario.plaintext")
        elif root not in known:
            yield Finding(line, f"import {module}")
        elif root in names.OURS and names.level(module) is None:
            yield Finding(line, f"import {module}", "it is no public part of Comity")
        elif module in names.ON_SHARES and not self.on_shares:
            instead = "a protocol on shares is declared by OwnProtocol: from protocols.own import OwnProtocol"
            yield Finding(line, f"import {module}", instead)
        elif root in ("numpy", "pandas"):
            for part in parts:
                if names.reaches_out(part):
                    yield Finding(line, f"{root}.{part}")

    def _taken(self, line: int, module: str, name: str, place: _Place) -> Iterator[Finding]:
        root = root_of(module)
        if root in names.OURS:
            if name != "*" and names.level(module, name) is None:
                yield Finding(line, f"{name} of {module}", _did_you_mean(name, module))
            elif name == "*" and module not in names.PUBLIC:
                yield Finding(line, f"{module}.*")
        elif root in ("numpy", "pandas"):
            if name == "*" or names.reaches_out(name) or (name in names.UNSET and not place.oracle):
                yield Finding(line, f"{root}.{name}")
        elif root in names.PURE and name != "*" and not names.reachable(module, name):
            yield Finding(line, f"{name} of {module}", "it is no public name")
        if name in names.REFUSED_METHODS:
            yield Finding(line, name)


def _did_you_mean(name: str, module: str) -> str:
    from mpc.suggestions import closest

    return closest(name, names.public_names(module)) or "it is no public name"


def _bound_modules(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names that imports of a file bind to modules, with the module's full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (root_of(alias.name),) * 2
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in names.PUBLIC | names.LIBRARY or node.module == "numpy":
                    yield alias.asname or alias.name, full


def _chain(node: ast.Attribute) -> list[str] | None:
    parts = [node.attr]
    value = node.value
    while isinstance(value, ast.Attribute):
        parts.append(value.attr)
        value = value.value
    return [value.id, *reversed(parts)] if isinstance(value, ast.Name) else None


def root_of(module: str) -> str:
    """The package that a module belongs to."""
    return module.split(".")[0]


def _attributes_of_format(text: str) -> Iterator[str]:
    """Fields of a format string that read internals of the formatted value: "{0._run}", "{x.handle}"."""
    for field in re.findall(r"\{([^{}!:]*\.[^{}!:]*)", text):
        if any(name.startswith("_") or name in names.INTERNAL | {"run"} for name in re.split(r"[.\[\]]+", field)[1:]):
            yield field


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and len(name) > 4


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _is_clock(call: ast.Call) -> bool:
    """`np.datetime64("now")`, `pd.Timestamp("today")`."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return function in ("datetime64", "Timestamp", "to_datetime") and any(
        isinstance(argument, ast.Constant) and argument.value in ("now", "today") for argument in call.args
    )
