"""Find the places in a scenario's source where the order of a set would show.

The order of a set depends on hashes and on how the set was built, so parties could run a loop over it in different
orders. A script may test what is in a set, and compare, join, count and sort sets; it may not take the elements one
after the other. A name counts as a set everywhere if any file of the scenario makes it a set.
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
    """The sets in a scenario's files, by their text alone: a name means the same in all files."""

    def __init__(self, trees: Sequence[ast.Module]) -> None:
        self._names: set[str] = set()
        self._functions: set[str] = set()
        #: Lists and dicts whose elements are sets.
        self._holders: set[str] = set()
        nodes = [node for tree in trees for node in _executed(tree)]
        self._parameters = {
            node.name: [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
            for node in nodes
            if isinstance(node, _FUNCTIONS)
        }
        before = -1
        while before != self._known():  # a name may be a set because another name is
            before = self._known()
            for node in nodes:
                self._learn(node)

    def _known(self) -> int:
        return len(self._names) + len(self._functions) + len(self._holders)

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple | ast.List):
            for target in node.targets:
                if isinstance(target, ast.Tuple | ast.List):
                    pairs = zip(target.elts, node.value.elts, strict=False)
                    self._names |= {_named(name) for name, value in pairs if self.is_set(value)} - {""}
        if isinstance(node, ast.Assign) and (self.is_set(node.value) or self._holds(node.value)):
            known = self._names if self.is_set(node.value) else self._holders
            known |= {_named(target) for target in node.targets} - {""}
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension) and self._holds(node.iter):
            target = (
                node.target.elts[-1] if isinstance(node.target, ast.Tuple) else node.target
            )  # of items(): the value
            self._names |= {_named(target)} - {""}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self._parameters:
            passed = [*zip(self._parameters[node.func.id], node.args, strict=False)]
            passed += [(keyword.arg or "", keyword.value) for keyword in node.keywords]
            self._names |= {name for name, value in passed if self.is_set(value)} - {""}
            self._holders |= {name for name, value in passed if self._holds(value)} - {""}
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr | ast.AugAssign):
            annotated = isinstance(node, ast.AnnAssign) and _is_set_type(node.annotation)
            if annotated or (node.value is not None and self.is_set(node.value)):
                self._names |= {_named(node.target)} - {""}
        elif isinstance(node, ast.arg) and node.annotation is not None and _is_set_type(node.annotation):
            self._names.add(node.arg)
        elif isinstance(node, _FUNCTIONS):
            returns_set = any(
                isinstance(inner, ast.Return) and inner.value is not None and self.is_set(inner.value)
                for inner in ast.walk(node)
            )
            if returns_set or (node.returns is not None and _is_set_type(node.returns)):
                self._functions.add(node.name)

    def _holds(self, node: ast.expr) -> bool:
        """Whether an expression is a list or dict of sets, or goes through one."""
        if isinstance(node, ast.Name | ast.Attribute):
            return _named(node) in self._holders
        if isinstance(node, ast.List | ast.Tuple):
            return any(map(self.is_set, node.elts))
        if isinstance(node, ast.Dict):
            return any(map(self.is_set, node.values))
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            return self.is_set(node.elt)
        if isinstance(node, ast.DictComp):
            return self.is_set(node.value)
        if isinstance(node, ast.Call):
            inner = node.func.value if isinstance(node.func, ast.Attribute) else None
            makes = _named(node.func).rpartition(".")[2] in ("defaultdict", "field")
            through = [*node.args, *([] if inner is None else [inner])]
            return (makes and any(map(_makes_sets, node.args))) or (not makes and any(map(self._holds, through)))
        return False

    def is_set(self, node: ast.expr) -> bool:
        """Whether an expression is a set."""
        if isinstance(node, ast.Set | ast.SetComp):
            return True
        if isinstance(node, ast.Name | ast.Attribute):
            return _named(node) in self._names
        if isinstance(node, ast.Await | ast.NamedExpr):
            return self.is_set(node.value)
        if isinstance(node, ast.Subscript):
            return self._holds(node.value)
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
            # With a key, min and max return the first of several equal elements.
            if safe and node.func.id in ("min", "max") and node.keywords:  # type: ignore[attr-defined]
                yield from node.args
            # The script's own functions are checked by themselves, through their parameters.
            if not joins and not safe and _is_known(node.func):
                yield from node.args


def _is_known(function: ast.expr) -> bool:
    """A built-in function, a method, or a function of a module; the script's functions are checked by themselves."""
    builtin = ("list", "tuple", "enumerate", "iter", "next", "zip", "map", "filter", "sum", "str", "repr", "print")
    return isinstance(function, ast.Attribute) or (
        isinstance(function, ast.Name) and function.id in (*builtin, "dict", "reversed", "format", "deque", "array")
    )


def _named(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return ast.unparse(node) if isinstance(node, ast.Attribute) else ""


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those of the oracle, which no study runs."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, _FUNCTIONS) and any(map(is_plaintext, child.decorator_list))):
            yield from _executed(child)


def is_plaintext(decorator: ast.expr) -> bool:
    """Whether a decorator is `@scenario.plaintext`."""
    return isinstance(decorator, ast.Attribute) and decorator.attr == "plaintext"


def _makes_sets(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in _MAKERS


def _is_view(node: ast.expr) -> bool:
    """`d.keys()`, `d.items()`: ordered alone, but sets when they are joined."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("keys", "items")


def _is_set_type(annotation: ast.expr) -> bool:
    text = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
    return isinstance(text, str) and text.split("[")[0].rpartition(".")[2] in _TYPES
