"""How a peer's study differs from ours, for people to read. The peer's document is not trusted in any way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from parties.organization.identity import in_words
from parties.text.visible import apart, clean

_SHOWN = 6
_WIDTH = 160
_DEPTH = 8
_ENTRIES = 2000

_NAMES = {
    "format": "format of study documents",
    "comity": "Comity version",
    "protocol": "protocol version",
    "engine": "engine",
    "threshold": "threshold",
    "scenario": "scenario",
    "purpose": "purpose",
    "valid_from": "valid_from",
    "valid_until": "valid_until",
    "participants": "participant",
    "contributors": "contributors",
    "parameters": "parameter",
    "releases": "release",
    "inputs": "input",
    "network": "network",
    "program": "program",
    "mpyc": "MPyC version",
    "arguments": "arguments",
    "settings": "MPyC setting",
}
_ORDER = [
    "format", "protocol", "comity", "mpyc", "scenario", "program", "sources", "arguments", "settings", "parameters",
    "inputs", "engine", "threshold", "network", "purpose", "valid_from", "valid_until", "participants", "contributors",
    "releases",
]  # fmt: skip
#: Places of hashes, shown in words.
_IN_WORDS = (", key", "contributors roll")
_ABSENT = object()


def difference(ours: Mapping[str, Any], theirs: Mapping[str, Any], peer: str) -> str:
    """What differs between two agreed documents, in at most a few dozen short lines."""
    peer = clean(peer, 40)
    lines = [f"{peer} runs a different study"]
    differences = _differences(ours, theirs)
    for shown, (place, here, there) in enumerate(differences):
        if shown == _SHOWN:
            rest = sum(1 for _ in zip(differences, range(_ENTRIES), strict=False)) + 1
            lines.append(f"  … and {rest} more")
            break
        width = max(len(peer), len("here"))
        lines += [f"  {clean(place, _WIDTH)}:", f"    {'here':{width}}  {here}", f"    {peer:{width}}  {there}"]
    if len(lines) == 1:
        lines.append("  Its study hash differs although its document reads the same.")
    return "\n".join([*lines, "Nothing was sent. Agree on one version and start again."])


def _differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(place, here, there), the most important difference first."""
    if not isinstance(theirs, Mapping):
        yield "document", "a study", "none"
        return
    others = sorted(key for key in (*ours, *theirs) if key not in _ORDER)
    for key in [*_ORDER, *dict.fromkeys(others)]:
        here, there = ours.get(key, _ABSENT), theirs.get(key, _ABSENT)
        if here == there:
            continue
        if key == "sources" and isinstance(here, Mapping) and isinstance(there, Mapping):
            what = "program" if "program" in ours else "scenario"
            yield from _sources(what, str(ours.get(what, "")), here, there)
        elif key in ("participants", "releases"):
            yield from _walk(_NAMES[key], _by_name(here), _by_name(there))
        else:
            yield from _walk(_NAMES.get(key, key), here, there)


def _walk(place: str, here: Any, there: Any, depth: int = 0) -> Iterator[tuple[str, str, str]]:
    if here == there:
        return
    if isinstance(here, Mapping) and isinstance(there, Mapping) and depth < _DEPTH and not _is_decimal(here, there):
        for name in dict.fromkeys([*here, *list(there)[:_ENTRIES]]):
            if depth == 1 and name == "columns" and place.startswith("input "):
                columns = here.get(name, _ABSENT), there.get(name, _ABSENT)
                yield from _walk(f"{place}, column", *columns, depth + 1)
                continue
            yield from _walk(_place(place, str(name)), here.get(name, _ABSENT), there.get(name, _ABSENT), depth + 1)
        return
    if here is _ABSENT or there is _ABSENT or place.endswith(_IN_WORDS):
        yield place, _value(place, here), _value(place, there)
    else:
        yield place, *apart(_text(here), _text(there))


def _place(place: str, name: str) -> str:
    first = place in _NAMES.values() or place.endswith(", column")
    return f"{place} {name}" if first else f"{place}, {name}"


def _is_decimal(*values: Mapping[str, Any]) -> bool:
    return any(list(value) == ["decimal"] for value in values)


def _by_name(entries: Any) -> Any:
    if not isinstance(entries, list):
        return entries
    named = {}
    for index, entry in enumerate(entries[:_ENTRIES]):
        if isinstance(entry, Mapping) and isinstance(entry.get("name"), str):
            named[entry["name"]] = {key: value for key, value in entry.items() if key != "name"} | {"place": index}
        else:
            named[str(index)] = entry
    return named


def _value(place: str, value: Any) -> str:
    if value is _ABSENT:
        return "(not there)"
    if place.endswith(_IN_WORDS) and isinstance(value, str):
        try:
            return in_words(bytes.fromhex(value))
        except (ValueError, IndexError):
            return clean(value)
    return clean(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, Mapping) and _is_decimal(value):
        return str(value["decimal"])
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return "(unreadable)"


def _sources(what: str, main: str, here: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The first line that differs, for each file."""
    for name in dict.fromkeys([*here, *list(there)[:_ENTRIES]]):
        ours, theirs = here.get(name), there.get(name)
        if ours == theirs:
            continue
        whole = name in (main, f"{main}.py", "__init__.py")
        place = f"{what} {main}" if whole else f"{what} {main}, {name}"
        if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
            yield place, _file(ours), _file(theirs)
            continue
        a, b = str(ours.get("text", "")).split("\n"), str(theirs.get("text", "")).split("\n")
        line = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        if line == len(a) == len(b):
            yield place, "the same text", "in other characters that look the same"
            continue
        if line >= min(len(a), len(b)):
            x, y = (
                clean(lines[line]) or "(an empty line)" if line < len(lines) else "(the file ends)" for lines in (a, b)
            )
        else:
            x, y = (shown or "(an empty line)" for shown in apart(a[line], b[line]))
        yield f"{place}, line {line + 1}", x, y


def _file(entry: object) -> str:
    return "this file" if isinstance(entry, Mapping) else "(not there)"
