"""Sets in a scenario's source: where their order would show.

The order of a set follows from hashes and from how it came about, so that parties could run a loop over it in different
orders. A set may be asked what is in it, be compared, joined with another one, counted and sorted; its elements may not
be taken one after the other. Names count as sets wherever a file of the scenario makes one of them a set.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

_MAKERS = ("set", "frozenset")
_JOINING = ("union", "intersection", "difference", "symmetric_difference", "copy")
#: Functions of an iterable that do not show its order.
_SAFE = ("sorted", "len", "min", "max", "any", "all", "set", "frozenset", "isinstance", "bool", "type")
_TYPES = ("set", "frozenset", "Set", "FrozenSet", "AbstractSet")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Unordered:
    """The sets of a scenario's files, by what their text says: names in one of them are the same in the others."""

    def __init__(self, trees: Sequence[ast.Module]) -> None:
        self._names: set[str] = set()
        self._functions: set[str] = set()
        before = -1
        while before != len(self._names) + len(self._functions):  # a name may be a set because another one is
            before = len(self._names) + len(self._functions)
            for tree in trees:
                for node in ast.walk(tree):
                    self._learn(node)

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign) and self.is_set(node.value):
            self._names |= {_named(target) for target in node.targets} - {""}
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr | ast.AugAssign):
            annotated = isinstance(node, ast.AnnAssign) and _is_set_type(node.annotation)
            if annotated or (node.value is not None and self.is_set(node.value)):
                self._names |= {_named(node.target)} - {""}
        elif isinstance(node, ast.arg) and node.annotation is not None and _is_set_type(node.annotation):
            self._names.add(node.arg)
        elif isinstance(node, _FUNCTIONS):
            gives = any(
                isinstance(inner, ast.Return) and inner.value is not None and self.is_set(inner.value)
                for inner in ast.walk(node)
            )
            if gives or (node.returns is not None and _is_set_type(node.returns)):
                self._functions.add(node.name)

    def is_set(self, node: ast.expr) -> bool:
        """Whether an expression is a set."""
        if isinstance(node, ast.Set | ast.SetComp):
            return True
        if isinstance(node, ast.Name | ast.Attribute):
            return _named(node) in self._names
        if isinstance(node, ast.Await):
            return self.is_set(node.value)
        if isinstance(node, ast.IfExp):
            return self.is_set(node.body) or self.is_set(node.orelse)
        if isinstance(node, ast.BoolOp):
            return any(map(self.is_set, node.values))
        if isinstance(node, ast.BinOp):
            joins = isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor)
            sides = (node.left, node.right)
            return joins and (any(map(self.is_set, sides)) or any(map(_is_view, sides)))
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                return node.func.id in _MAKERS or node.func.id in self._functions
            if isinstance(node.func, ast.Attribute):
                return node.func.attr in _JOINING and (self.is_set(node.func.value) or _is_view(node.func.value))
        return False

    def iterated(self, node: ast.AST) -> Iterator[tuple[int, str]]:
        """Line and description of each set whose elements this node takes one after the other."""
        for inner in self._taken(node):
            if self.is_set(inner):
                yield inner.lineno, f"the elements of a set one after the other ({ast.unparse(inner)[:60]})"

    def _taken(self, node: ast.AST) -> Iterator[ast.expr]:
        unpacks = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple | ast.List)
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            yield node.iter
        elif unpacks or isinstance(node, ast.Starred | ast.YieldFrom | ast.FormattedValue):
            yield node.value  # type: ignore[attr-defined]
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and not node.args:
                yield node.func.value
            joins = isinstance(node.func, ast.Attribute) and (
                self.is_set(node.func.value) or node.func.attr in ("issubset", "issuperset", "isdisjoint")
            )
            safe = isinstance(node.func, ast.Name) and node.func.id in (*_SAFE, *self._functions)
            # Functions of the script itself are looked at by themselves, where they name what they are given.
            if not joins and not safe and _is_known(node.func):
                yield from node.args


def _is_known(function: ast.expr) -> bool:
    """A built-in function or method, or one of a module: what the script defines itself is read for itself."""
    builtin = ("list", "tuple", "enumerate", "iter", "next", "zip", "map", "filter", "sum", "str", "repr", "print")
    return isinstance(function, ast.Attribute) or (
        isinstance(function, ast.Name) and function.id in (*builtin, "dict", "reversed", "format", "deque", "array")
    )


def _named(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return ast.unparse(node) if isinstance(node, ast.Attribute) else ""


def _is_view(node: ast.expr) -> bool:
    """`d.keys()`, `d.items()`: ordered by themselves, sets when they are joined."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("keys", "items")


def _is_set_type(annotation: ast.expr) -> bool:
    text = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
    return isinstance(text, str) and text.split("[")[0].rpartition(".")[2] in _TYPES
