"""What a person sees while a run goes on: who is waited for, the step, rounds, bytes."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from mpc.text import visible
from parties.report.words import size
from parties.text.console import SafeConsole


def describe(details: Mapping[str, Any]) -> str:
    """A contribution, for people."""
    sizes = details["bytes"]
    return (
        f"{details['values']:,} numbers, as shares of {size(max(sizes.values()))} at most for each of "
        f"{', '.join(sizes)}; contribution {details['digest'][:16]}"
    )


class Display:
    """Progress on stderr; on a terminal one moving line, elsewhere a line for each change.

    quiet  only what everybody has to read before data is used: what nothing guards, and warnings
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = SafeConsole()
        self._err = SafeConsole(stderr=True, quiet=quiet)
        self._warnings = SafeConsole(stderr=True) if quiet else self._err
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}", markup=False),
            TimeElapsedColumn(),
            console=self._err,
            transient=True,
            disable=quiet or not self._err.is_terminal,
        )
        self._task: TaskID | None = None
        self._steps = 0
        self._rounds = 0
        self._last = ""

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def status(self, text: str) -> None:
        """A line about the present state; the same state is told once where lines stay."""
        line = visible(text)
        if self._err.is_terminal and line.startswith(("waiting for", "compiling")):
            self._describe(line, "")
            return
        head = line.split(" … ")[0]
        if head != self._last:
            self._last = head
            self._err.print(Text(f"  {line}"), soft_wrap=True)

    def pause(self) -> None:
        """No moving line from here on: results are about to be printed."""
        self._bar.stop()
        self._bar.disable = True

    def event(self, kind: str, details: Mapping[str, Any]) -> None:
        """What `parties.run.process` tells."""
        if kind == "plan":
            self._steps, self._rounds = int(details["steps"]), int(details["rounds"])
        elif kind == "status":
            self.status(str(details["text"]))
        elif kind in ("unprotected", "warning"):
            style = "bold red" if kind == "unprotected" else "bold"
            for line in details["lines"]:
                self._warnings.print(Text(f"  {line}", style), soft_wrap=True)
        elif kind == "brought":
            self.status(f"{details['input']}: {details['rows']:,} rows of {details['file']} fit the schema")
        elif kind == "agreed":
            self.status(f"✓ agreed: same scenario, parameters, schema and versions   study: {details['words']}")
            self._describe("computing", f"{self._rounds} rounds")
        elif kind == "contribution":
            self.status(f"to hand over: {describe(details)}")
        elif kind == "receipt":
            self.status(f"✓ {details['party']} has the contribution ({size(details['bytes'])})")
        elif kind == "news":
            if details["steps"]:
                self._steps = int(details["steps"])
            self._describe(str(details["text"]), "", int(details["done"]))
        elif kind == "progress":
            place = f"{details['primitive']}, {details['file']} line {details['line']}"
            detail = f"step {details['operations']}/{self._steps}   {size(details['bytes'])}   {place}"
            self._describe("computing", detail, int(details["operations"]))

    def _describe(self, text: str, detail: str, completed: int = 0) -> None:
        if self._task is None:
            self._task = self._bar.add_task(text, total=self._steps or None, detail=detail)
        self._bar.update(self._task, description=text, detail=detail, completed=completed, total=self._steps or None)
