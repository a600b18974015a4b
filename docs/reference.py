"""Writes docs/reference/: every public name of what scenarios import, from its signature and docstring.

    python docs/reference.py            writes the pages anew
    python docs/reference.py --check    says which of them are not what would be written, and exits with 1

Public is what a module's `__all__` names; of a class, its methods and properties without an underscore, those that it
has from our other classes included.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).with_name("reference")
sys.path.insert(0, str(FOLDER.parents[1]))
#: Module -> what it is for, on the first page.
MODULES = {
    "mpc": "scenarios, studies, tables, private and secret arrays",
    "mpc.errors": "what can go wrong, as types",
    "protocols.statistics": "statistics of rows that stay at their owners",
    "protocols.survival": "survival: curves and comparisons of times to an event",
    "protocols.genetics": "alleles, and association of many SNPs with a phenotype",
    "protocols.numeric": "functions of secret numbers",
    "protocols.models": "models of secret rows, and how good they are",
    "protocols.order": "sorting, ranks, quantiles of secret rows",
    "protocols.linkage": "rows of the same person in two tables, by names and dates with errors",
}
OURS = ("mpc", "protocols", "parties")
OPERATORS = {
    "__add__": "+", "__sub__": "-", "__mul__": "*", "__truediv__": "/", "__matmul__": "@", "__pow__": "**",
    "__floordiv__": "//", "__mod__": "%", "__divmod__": "divmod()", "__lshift__": "<<", "__rshift__": ">>",
    "__neg__": "- (sign)", "__abs__": "abs()", "__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">=",
    "__eq__": "==", "__ne__": "!=", "__and__": "&", "__or__": "|", "__xor__": "^", "__invert__": "~",
    "__getitem__": "[]", "__await__": "await", "__len__": "len()",
}  # fmt: skip
#: Classes whose objects scripts are given: nobody calls them.
GIVEN = ("Ordering", "PrivateArray", "PrivateTable", "SecretArray", "Study")
WIDTH = 100
#: Lines of a docstring that are set out in columns stay as they are.
_COLUMNS = re.compile(r"^\s+\S|^\S.*?\S {2,}\S|^\S+ {2,}\S|^>>> ", re.M)


def public(module: ModuleType) -> list[tuple[str, Any]]:
    """(name, what it is), in alphabetical order: what `__all__` names, else the classes and functions defined there."""
    own = [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
    ]
    return [(name, getattr(module, name)) for name in sorted(getattr(module, "__all__", own), key=str.casefold)]


def members(cls: type) -> list[tuple[str, Any]]:
    """Public methods and properties of a class, those of its own first; of our classes, not of Python's."""
    found: dict[str, Any] = {}
    for owner in cls.__mro__:
        if owner.__module__.partition(".")[0] not in OURS:
            continue
        for name, member in vars(owner).items():
            kind = isinstance(member, property | staticmethod | classmethod) or inspect.isfunction(member)
            if kind and not name.startswith("_"):
                found.setdefault(name, member)
    return list(found.items())


def document(thing: Any) -> str:
    """Its own docstring; "" where it has none."""
    own = thing.fget if isinstance(thing, property) else getattr(thing, "__func__", thing)
    text = inspect.cleandoc(own.__doc__ or "") if own is not None else ""
    made = isinstance(thing, type) and is_dataclass(thing) and text.startswith(f"{thing.__name__}(")
    return "" if made else text


def signature(name: str, thing: Any) -> str:
    """As it is called, in lines of at most WIDTH characters."""
    if isinstance(thing, property):
        return name + _annotation(inspect.signature(thing.fget).return_annotation, ": ") if thing.fget else name
    function = getattr(thing, "__func__", thing)
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return name
    parts = [_parameter(parameter) for parameter in found.parameters.values() if parameter.name not in ("self", "cls")]
    kinds = [parameter.kind for parameter in found.parameters.values() if parameter.name not in ("self", "cls")]
    if inspect.Parameter.VAR_POSITIONAL not in kinds and inspect.Parameter.KEYWORD_ONLY in kinds:
        parts.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    prefix = "await " if inspect.iscoroutinefunction(function) else ""
    result = "" if isinstance(thing, type) else _annotation(found.return_annotation, " -> ")
    line = f"{prefix}{name}({', '.join(parts)}){result}"
    if len(line) <= WIDTH:
        return line
    return f"{prefix}{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){result}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = f"{stars}{parameter.name}{_annotation(parameter.annotation, ': ')}"
    if parameter.default is inspect.Parameter.empty:
        return text
    default = "…" if " at 0x" in repr(parameter.default) else repr(parameter.default)
    return f"{text} = {default}" if ":" in text else f"{text}={default}"


def _annotation(annotation: Any, before: str) -> str:
    if annotation is inspect.Signature.empty:
        return ""
    return before + (annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)).strip("'\"")


def prose(text: str) -> Iterator[str]:
    """A docstring as Markdown: paragraphs, and as they are the parts that are set out in columns."""
    columns: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        if _COLUMNS.search(paragraph):
            columns.append(paragraph)
            continue
        if columns:
            yield _fenced(columns)
            columns = []
        yield paragraph
    if columns:
        yield _fenced(columns)


def _fenced(parts: list[str]) -> str:
    return "```text\n" + "\n\n".join(part.rstrip() for part in parts) + "\n```"


def described(title: str, name: str, thing: Any) -> Iterator[str]:
    yield title
    if name not in GIVEN and not (isinstance(thing, type) and issubclass(thing, BaseException)):
        yield f"```py\n{signature(name, thing)}\n```"
    yield from prose(document(thing))


def page(name: str) -> str:
    """The page of a module."""
    module = importlib.import_module(name)
    parts = [f"# `{name}`", *prose(inspect.cleandoc(module.__doc__ or ""))]
    names = public(module)
    parts.append("\n".join(f"- [`{one}`](#{one.lower()}): {_summary(thing)}" for one, thing in names))
    for one, thing in names:
        parts += described(f"## {one}", one, thing)
        if not inspect.isclass(thing):
            continue
        shown = [sign for method, sign in OPERATORS.items() if _defines(thing, method)]
        if shown:
            parts.append(f"Operators: {', '.join(f'`{sign}`' for sign in shown)}.")
        for member, what in members(thing):
            parts += described(f"### {one}.{member}", member, what)
    parts.append(f"[All modules](README.md). Written by `python docs/{Path(__file__).name}`.")
    return "\n\n".join(parts) + "\n"


def _summary(thing: Any) -> str:
    return " ".join(document(thing).partition("\n\n")[0].split())


def _defines(cls: type, method: str) -> bool:
    return any(method in vars(owner) for owner in cls.__mro__ if owner.__module__.partition(".")[0] in OURS)


def file_of(name: str) -> str:
    return f"{name}.md"


def pages() -> dict[str, str]:
    """File name -> content."""
    lines = [f"- [`{name}`]({file_of(name)}): {what}" for name, what in MODULES.items()]
    first = "# Reference\n\nWhat scenarios import, name by name.\n\n" + "\n".join(lines) + "\n"
    return {"README.md": first} | {file_of(name): page(name) for name in MODULES}


def main() -> int:
    """Write the pages, or check them."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    if "--check" in sys.argv[1:]:
        stale = sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))
        for name in stale:
            print(f"docs/reference/{name} is not current: python docs/reference.py")
        return bool(stale)
    FOLDER.mkdir(exist_ok=True)
    for name in set(there) - set(wanted):
        (FOLDER / name).unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
