"""What a scenario's source may not contain, found before a line of it runs.

A lint for reviewers, not a sandbox: a scenario runs with its party's rights, so people must read it. The lint keeps
what they read honest: no files, processes, network, hidden code or chance in a script that computes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mpc.errors import ConfigError


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Modules of the standard library that only compute.
PURE = _names(
    "__future__ abc bisect calendar cmath collections colorsys dataclasses datetime decimal enum fractions functools "
    "heapq itertools math numbers operator re statistics string textwrap typing unicodedata"
)
OURS = _names("mpc protocols scenarios")
#: For a function's own use, as pandas is that of the oracle.
IN_FUNCTIONS = _names("pandas")
#: Only inside the function that `@scenario.plaintext` decorates.
IN_PLAINTEXT = _names("lifelines scipy sklearn statsmodels")

_REFUSED_NAMES = _names(
    "open exec eval compile __import__ globals locals vars getattr setattr delattr input breakpoint help exit quit"
)
_ALLOWED_DUNDERS = _names("__name__ __doc__ __init__ __future__ __all__")
#: Ways of NumPy and pandas to files, memory, code or chance.
_REFUSED_OF_LIBRARIES = _names(
    "load loadtxt genfromtxt fromfile fromregex save savetxt savez savez_compressed memmap DataSource open_memmap lib "
    "ctypeslib f2py distutils random eval io compat core _core"
)
_REFUSED_METHODS = _names(
    "tofile dump dumps to_csv to_pickle to_parquet to_feather to_hdf to_excel to_sql to_json to_stata to_clipboard "
    "to_html to_xml to_orc f_globals f_locals f_builtins gi_frame cr_frame tb_frame ctypes"
)


def lint(name: str, source: bytes, *, folder: bool = False) -> ast.Module:
    """The parsed source. Raises ConfigError naming file and line of the first thing that is refused.

    `folder`: the scenario is a folder, whose files may import each other (`from .tables import Patients`).
    """
    try:
        tree = ast.parse(source, filename=name)
    except SyntaxError as error:
        raise ConfigError(f"{name}, line {error.lineno}: not Python ({error.msg})") from None
    except ValueError:
        raise ConfigError(f"{name}: not a Python file") from None
    found = min(_Walk(folder).findings(tree), default=None)
    if found is not None:
        line, what = found
        raise ConfigError(
            f"{name}, line {line}: a scenario may not use {what}\n"
            "It may import NumPy, modules of the standard library that only compute, mpc, protocols and scenarios; "
            "pandas inside functions."
        )
    return tree


class _Walk:
    def __init__(self, folder: bool) -> None:
        self.folder = folder
        self.libraries: set[str] = set()

    def findings(self, tree: ast.Module) -> Iterator[tuple[int, str]]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self.libraries |= {
                    alias.asname or alias.name.split(".")[0]
                    for alias in node.names
                    if alias.name.split(".")[0] in ("numpy", "pandas")
                }
        yield from self._visit(tree, inside=False, oracle=False)

    def _visit(self, node: ast.AST, inside: bool, oracle: bool) -> Iterator[tuple[int, str]]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = True
            oracle = oracle or any(_is_plaintext(decorator) for decorator in node.decorator_list)
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from self._import(node, inside, oracle)
        elif isinstance(node, ast.Name):
            if node.id in _REFUSED_NAMES or (_is_dunder(node.id) and node.id not in _ALLOWED_DUNDERS):
                yield node.lineno, node.id + ("; write table[name]" if node.id == "getattr" else "")
        elif isinstance(node, ast.Attribute):
            yield from self._attribute(node)
        for child in ast.iter_child_nodes(node):
            unread = isinstance(node, ast.If) and _is_type_checking(node.test) and child in node.body
            yield from self._visit(child, inside or unread, oracle or unread)

    def _attribute(self, node: ast.Attribute) -> Iterator[tuple[int, str]]:
        name = node.attr
        if (_is_dunder(name) and name not in _ALLOWED_DUNDERS) or name in _REFUSED_METHODS:
            yield node.lineno, f".{name}"
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and root.id in self.libraries and _reaches_out(name):
            yield node.lineno, f"{root.id}.{name}"

    def _import(self, node: ast.Import | ast.ImportFrom, inside: bool, oracle: bool) -> Iterator[tuple[int, str]]:
        if isinstance(node, ast.ImportFrom) and node.level:
            if not self.folder:
                yield node.lineno, "a relative import: it is a single file"
            elif inside:
                yield node.lineno, "a relative import inside a function; move it to the top of the file"
            elif node.level > 1:
                yield node.lineno, "files outside of its folder"
            return
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for module in modules:
            root = module.split(".")[0]
            if root == "numpy" or root in IN_FUNCTIONS:
                taken = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
                for name in [*module.split(".")[1:], *taken]:
                    if name == "*" or _reaches_out(name):
                        yield node.lineno, f"{root}.{name}"
            if root in IN_FUNCTIONS and not inside:
                yield node.lineno, f"import {root} outside of a function"
            elif root in IN_PLAINTEXT and not oracle:
                yield node.lineno, f"import {module} outside of the function under @scenario.plaintext"
            elif root not in PURE | OURS | IN_FUNCTIONS | IN_PLAINTEXT | {"numpy"}:
                yield node.lineno, f"import {module}"


def _reaches_out(name: str) -> bool:
    return name in _REFUSED_OF_LIBRARIES or name.startswith("read_")


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and len(name) > 4


def _is_plaintext(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Attribute) and decorator.attr == "plaintext"


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
