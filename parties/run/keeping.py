"""The files of a run's results. So that no result is lost, the folder is tried before the run waits for anybody, and
results are written before they are used.

    results = Results(folder, home / "results")
    results.try_out()              # ConfigError: no folder, no space, or no report can be made
    results.opened(study, values)  # right after the run: opened.json, 0600, on disk
    results.finish(document, ...)  # result.json, report.html, the terminal; NotWritten when one of them failed

`opened.json` is removed once `result.json` is whole. If the folder fails during the run (full, removed, read-only), the
results go to the spare folder, in the organization's home. What cannot be written is printed; the exit code says so.
"""

from __future__ import annotations

import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpc.errors import ComityError, ConfigError
from parties.system.privacy import write_private
from parties.text.echo import echo, json_text

if TYPE_CHECKING:
    from rich.console import Console

JOURNAL, RESULT, REPORT = "opened.json", "result.json", "report.html"
#: Free bytes that a folder must have: a report of some hundred releases takes half of them.
ROOM = 2 << 20


class NotWritten(ComityError):
    """The run is done. What could be shown of its results was shown; the lines above say what could not be written."""

    exit_code = 2


class Results:
    """The files of one run.

    folder  takes the files of this run; None: a new folder in `spare` does
    spare   holds a folder for each run; it also takes the results if `folder` fails after the run
    """

    def __init__(self, folder: Path | None, spare: Path | None = None) -> None:
        self._chosen = folder
        self._spare = spare
        self._folder: Path | None = None
        self._journal: Path | None = None
        self._failed: list[str] = []
        self._began = datetime.now(UTC)

    def try_out(self) -> None:
        """Raises ConfigError if results could not be written here, or no report could be made."""
        folder = self._chosen or self._spare
        assert folder is not None
        try_folder(folder, "results")
        from parties.report import page as report

        try:
            report.html(_sample())
        except Exception as error:
            raise ConfigError(
                f"no report could be made here: {_cause(error)}. Is the installation whole? Nothing was sent"
            ) from error

    def opened(self, study: str, values: Mapping[str, Any]) -> None:
        """Put opened values on disk, before anything else is done with them. Never raises: `finish` reports it."""
        if not values:
            return
        text = json.dumps({"study": study, "releases": plain(values)}, indent=1) + "\n"
        self._journal = self._write(study, JOURNAL, lambda path: write_private(path, text.encode()))

    def failed(self, what: str) -> None:
        """Record that another file of the run was not written: `finish` reports it and raises NotWritten."""
        self._failed.append(what)

    def finish(self, document: dict[str, Any], *, as_json: bool, console: Console) -> None:
        """Write the files and show the result. Raises NotWritten at the end, after trying everything.

        document  as `parties.run.result.result_document` makes it; the names of the files are added
        """
        from parties.report import page as report

        study = str(document["study"])
        folder = self._places(study)[0]
        document["files"] = {"result": str(folder / RESULT), "report": str(folder / REPORT)}

        def write_json(path: Path) -> None:
            document["files"] = {"result": str(path), "report": str(path.parent / REPORT)}
            report.write_json(document, path)

        written = self._write(study, RESULT, write_json)
        if written is not None and self._journal is not None:
            with suppress(OSError):
                self._journal.unlink()
            self._journal = None
        page = self._write(study, REPORT, lambda path: report.write_html(document, path))
        files = {"result": written, "report": page}
        document["files"] = {name: str(path) for name, path in files.items() if path is not None}
        self._show(document, as_json, console)
        self.check()

    def check(self) -> None:
        """Raises NotWritten if a file was not written."""
        if self._failed:
            left = "" if self._journal is None else f"\nThe opened values are in {self._journal}"
            raise NotWritten("\n".join(self._failed) + left)

    def _show(self, document: dict[str, Any], as_json: bool, console: Console) -> None:
        from parties.report import page as report

        try:
            if as_json:
                echo(*json_text(report.check(document).model_dump(mode="json"), sys.stdout.encoding).split("\n"))
                sys.stdout.flush()
                return
            report.show(document, console)
            paths = "  ".join(reversed(list(document["files"].values())))
            console.print(paths, style="dim", markup=False, highlight=False, soft_wrap=True)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except Exception as error:
            self._failed.append(f"the results could not be shown: {_cause(error)}")
            with suppress(OSError):
                echo(json.dumps({"releases": plain(document["releases"])}))  # ASCII, which can be printed anywhere
                sys.stdout.flush()

    def _write(self, study: str, name: str, write: Callable[[Path], None]) -> Path | None:
        """Write a file into the first folder that takes it. Returns its path, or None if no folder takes it."""
        for folder in self._places(study):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                write(folder / name)
            except Exception as error:
                self._failed.append(f"{folder / name} could not be written: {_cause(error)}")
                if not isinstance(error, OSError):
                    return None  # another folder would not help
                continue
            self._folder = folder
            return folder / name
        return None

    def _places(self, study: str) -> list[Path]:
        places = [] if self._folder is None else [self._folder]
        if self._chosen is not None:
            places.append(self._chosen)
        if self._spare is not None:
            places.append(self._spare / f"{self._began:%Y-%m-%dT%H%M%SZ}-{study[:8]}")
        return list(dict.fromkeys(places))


def try_folder(folder: Path, what: str, room: int = ROOM) -> None:
    """Raises ConfigError if `folder` cannot be made, or a file of `room` bytes cannot be written there."""
    made = [path for path in [folder, *folder.parents] if not path.exists()]
    probe = folder / f".try-{os.getpid()}"
    try:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(probe, bytes(room))
        finally:
            for path in (probe, probe.with_name(f".{probe.name}.{os.getpid()}")):
                with suppress(OSError):
                    path.unlink()
            for path in made:
                with suppress(OSError):
                    path.rmdir()
    except OSError as error:
        raise ConfigError(
            f"{folder}: {what} cannot be written there ({error.strerror or error}). Make room, or name another folder "
            "that this user may write to. Nothing was sent"
        ) from None


def plain(value: Any) -> Any:
    """Any value as JSON: numbers in full, and floats that are not finite as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(element) for key, element in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(element) for element in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)


def _cause(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__).lower()
    last = traceback.extract_tb(error.__traceback__)[-1]
    # Not the error's message: it may quote data.
    return f"{type(error).__name__} ({os.path.basename(last.filename)}, line {last.lineno})"


def _sample() -> dict[str, Any]:
    """A small result with a plot."""
    return {
        "scenario": "sample",
        "study": "",
        "organizations": {},
        "releases": {"x": 1.0, "x histogram": {"edges": [0.0, 1.0, 2.0], "counts": [10, 20]}},
        "kinds": {"x": "number", "x histogram": "histogram"},
        "cost": {"rounds": 0, "bytes_sent": 0, "seconds": 0.0},
    }
