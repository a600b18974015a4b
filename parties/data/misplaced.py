"""Files of a wrong kind: a data file in place of a scenario, a scenario in place of a study.

The kind of a file follows from its name and, for text, from its content. Nothing in it is executed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from pathlib import Path

from mpc.errors import ConfigError
from parties.data.source import CSV, PARQUET

#: So many bytes of a file are read.
_MOST = 1 << 20
#: kind -> (what it is, what to do with it).
_KINDS = {
    "data": (
        "is a data file",
        "Try a scenario on it:  comity demo SCENARIO --data INPUT={0}  (one --data for each organization)\n"
        "Enter it in the catalog:  comity data add NAME {0}",
    ),
    "scenario": (
        "is a scenario",
        "See what it releases:  comity scenario show {0}\nTry it:  comity demo {0}\n"
        'A study names it:  scenario = "{0}"',
    ),
    "study": ("is a study", "See what it would do:  comity plan {0}\nTake part in it:  comity run {0}"),
    "program study": ("is the study of an MPyC program", "Run the program with it:  comity mpyc {0} PROGRAM"),
    "program": ("is a program for MPyC", "Run it:  comity mpyc --local 3 {0}"),
    "schema": ("is the schema of a dataset", "Enter it with its data:  comity data add NAME FILE --schema {0}"),
    "card": ("is the card of an organization", "Add the organization:  comity peer add {0}"),
    "roll": ("is a roll of cards", 'See whom it enrols:  comity roll show {0}\nA study names it:  roll = "{0}"'),
    "place": ("is a place in a roll", "Submit with it:  comity submit STUDY --place {0}"),
    "sealed": (
        "is a sealed file",
        "At a compute party:  comity contributions add {0}\nAt a recipient:  comity results STUDY --from {0}",
    ),
}
_NAMES = {
    "scenario": "a scenario",
    "study": "a study",
    "program study": "the study of an MPyC program",
    "program": "a program for MPyC",
    "schema": "the schema of a dataset",
    "card": "an organization's card",
    "roll": "a roll of cards",
    "place": "a place in a roll",
    "sealed": "a sealed file",
}
_IMPORTS = r"^\s*(from|import)\s+{}\b"


def check_kind(path: Path, wanted: str, *, bundled: Collection[str] = ()) -> None:
    """ConfigError if `path` is a file of another kind than `wanted`, or names a bundled scenario; it says what to do.

    No error for a missing file, or for a file of unknown kind.
    """
    actual = "scenario" if str(path) in bundled and not path.exists() else kind(path)
    if (actual, wanted) == ("program study", "study"):
        return  # most often a study without the key `scenario`: the reader of studies says so
    if actual is not None and actual != wanted:
        what, remedy = _KINDS[actual]
        raise ConfigError(f"{path} {what}, not {_NAMES[wanted]}\n{remedy.format(path)}")


def kind(path: Path) -> str | None:
    """ "scenario", "study", "program study", "program", "schema", "card", "roll", "place", "sealed" or "data"; None if
    unknown."""
    if path.is_dir():
        return "scenario" if (path / "__init__.py").is_file() else None
    if not path.is_file():
        return None
    name = path.name.lower()
    for ending in ("sealed", "roll", "place"):
        if name.endswith(f".{ending}"):
            return ending
    if name.endswith(PARQUET):
        return "data"
    text = _text(path)
    if name.endswith(".py"):
        return _python(text)
    start = text.lstrip()[:4096]
    for key, kind_with_key in (('"comity_roll"', "roll"), ('"comity_place"', "place")):
        if start.startswith("{") and key in start:
            return kind_with_key
    if name.endswith(".card") or (text.lstrip().startswith("{") and '"comity_card"' in text):
        return "card"
    try:
        keys = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        keys = {}
    if "tables" in keys and ("sql" in keys or "queries" in keys):
        return "scenario"
    for key, kind_with_key in (("scenario", "study"), ("organizations", "program study"), ("columns", "schema")):
        if key in keys:
            return kind_with_key
    return "data" if name.endswith(CSV) else None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST).decode("utf-8-sig", "replace")
    except OSError:
        return ""


def _python(text: str) -> str | None:
    """A Python file that makes a `Scenario` is a scenario; one that imports MPyC is a program."""
    if re.search(_IMPORTS.format("mpyc"), text, re.MULTILINE):
        return "program"
    made = re.search(_IMPORTS.format("mpc"), text, re.MULTILINE) and re.search(r"\bScenario\s*\(", text)
    return "scenario" if made else None
