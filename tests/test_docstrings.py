"""What has to be said: what a protocol costs and promises, what a public thing does, why a type is `Any`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.sources import PACKAGES, files, guard, name_of, none_of, text_of, tree

SHARE_FLOOR = ("protocols/replicated", "protocols/shamir")


def share_floor() -> list[tuple[Path, ast.AsyncFunctionDef]]:
    """The protocols of the engines on shares, at a party or on a floor: public, interactive, and not a step inside of
    one (for a chunk of it)."""
    found = []
    for path in files(*SHARE_FLOOR):
        for node in tree(path).body:
            if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
                names = [argument.arg for argument in node.args.args]
                if names[:1] in (["party"], ["f"]) and not {"chunk", "chunks", "part"} & set(names):
                    found.append((path, node))
    assert len(found) > 50
    return found


def unstated(node: ast.AsyncFunctionDef) -> list[str]:
    """What a protocol's docstring does not state."""
    text = ast.get_docstring(node) or ""
    stated = {line.split(" ")[0] for line in text.splitlines()}
    if "Sends nothing" in text:
        stated |= {"Rounds", "Bytes"}
    return [claim for claim in ("Rounds", "Bytes", "Security") if claim not in stated]


@guard(
    names=SHARE_FLOOR,
    forbids=[
        ("protocols/shamir/new.py", "async def new(f, x):\n    '''Rounds 1\n\n    Bytes 8'''"),
        ("protocols/replicated/new.py", "async def new(party, x):\n    '''Sends nothing.'''"),
    ],
)
def test_protocols_state_what_they_cost_and_promise():
    none_of(
        [
            f"{name_of(path)}:{node.lineno} {node.name} says nothing about {claim}"
            for path, node in share_floor()
            for claim in unstated(node)
        ]
    )


@guard(
    names=[*PACKAGES, "protocols/ideal", *SHARE_FLOOR],
    forbids=[
        ("mpc/new.py", "'''A module.'''\n\ndef new():\n    pass"),
        ("protocols/numeric/new.py", "'''A module.'''\n\nclass New:\n    pass"),
        ("parties/new.py", "x = 1"),
    ],
)
def test_public_functions_say_what_they_do():
    """On the value floor; formulas of costs on the share floor stand beside the protocol they belong to."""
    wrong = []
    shares = files("protocols/ideal", *SHARE_FLOOR)
    for path in files("mpc", "protocols"):
        if path in shares:
            continue
        for node in tree(path).body:
            public = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_"
            if public and not ast.get_docstring(node):
                wrong.append(f"{name_of(path)}:{node.lineno} {node.name}")
    wrong += [f"{name_of(path)}" for path in files(*PACKAGES) if tree(path).body and not ast.get_docstring(tree(path))]
    none_of(wrong)


#: Types in which Any says nothing about a parameter: elements of arrays, what is sent into a coroutine.
ELEMENTS = ("NDArray[Any]", "dtype[Any]", "Coroutine[Any, Any", "Generator[Any, None, Any]")


def public_functions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Public functions of a module, and public methods of its public classes."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node


def untyped(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Annotations of a signature that are or hold a bare `Any`."""
    given = node.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    annotations = [argument.annotation for argument in arguments if argument is not None] + [node.returns]
    texts = [ast.unparse(annotation) for annotation in annotations if annotation is not None]
    return [text for text in texts if re.search(r"\bAny\b", text) and not any(part in text for part in ELEMENTS)]


@guard(
    names=["mpc", "protocols"],
    forbids=[
        ("mpc/new.py", "def new(x: Any) -> int: ..."),
        ("protocols/new.py", "class New:\n    def new(self, *, x: int) -> dict[str, Any]: ..."),
    ],
)
def test_any_in_a_public_signature_has_its_reason_beside_it():
    """A name of `mpc.untyped`, or a comment `# Any: …` in the signature."""
    wrong = []
    for path in files("mpc", "protocols"):
        lines = text_of(path).splitlines()
        for node in public_functions(tree(path).body):
            first = min([node.lineno, *[decorator.lineno for decorator in node.decorator_list]])
            said = any("# Any: " in line for line in lines[first - 1 : node.body[0].lineno])
            wrong += [f"{name_of(path)}:{node.lineno} {node.name}: {text}" for text in untyped(node) if not said]
    none_of(wrong)
