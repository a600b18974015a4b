"""The progress of a run, for people: whom it waits for, the step, rounds, bytes."""

from __future__ import annotations

from types import TracebackType
from typing import assert_never

from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar
from rich.text import Text

from mpc.text import visible
from parties.report.words import size
from parties.system.events import (
    Agreed,
    Brought,
    Contribution,
    Event,
    Finished,
    News,
    Planned,
    Progress,
    Receipt,
    Status,
    Unprotected,
    Warned,
)
from parties.text.console import SafeConsole


def describe(contribution: Contribution) -> str:
    """A contribution, for people."""
    sizes = contribution.bytes
    return (
        f"{contribution.values:,} numbers, as shares of {size(max(sizes.values()))} at most for each of "
        f"{', '.join(sizes)}; contribution {contribution.digest[:16]}"
    )


class Display:
    """Progress on stderr; on a terminal one moving line, elsewhere a line for each change.

    quiet  show only what people must read before data is used: unprotected releases, and warnings
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = SafeConsole()
        self._err = SafeConsole(stderr=True, quiet=quiet)
        self._warnings = SafeConsole(stderr=True) if quiet else self._err
        self._bar = ProgressBar(
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
        """A line about the present state. Where lines stay, a state is printed once, not again and again."""
        line = visible(text)
        if self._err.is_terminal and line.startswith(("waiting for", "compiling", "checking")):
            self._describe(line, "")
            return
        head = line.split(" … ")[0]
        if head != self._last:
            self._last = head
            self._err.print(Text(f"  {line}"), soft_wrap=True)

    def pause(self) -> None:
        """End the moving line: results are about to be printed."""
        self._bar.stop()
        self._bar.disable = True

    def event(self, event: Event) -> None:
        """Show an event of this organization's process."""
        match event:
            case Planned():
                self._steps, self._rounds = event.steps, event.rounds
            case Status():
                self.status(event.text)
            case Unprotected() | Warned():
                style = "bold red" if isinstance(event, Unprotected) else "bold"
                for line in event.lines:
                    self._warnings.print(Text(f"  {line}", style), soft_wrap=True)
            case Brought():
                self.status(f"{event.input}: {event.rows:,} rows of {event.file} fit the schema")
            case Agreed():
                self.status(f"✓ agreed: same scenario, parameters, schema and versions   study: {event.words}")
                self._describe("computing", f"{self._rounds} rounds")
            case Contribution():
                self.status(f"to submit: {describe(event)}")
            case Receipt():
                self.status(f"✓ {event.party} has the contribution ({size(event.bytes)})")
            case News():
                self._steps = event.steps or self._steps
                self._describe(event.text, "", event.done)
            case Progress():
                place = f"{event.primitive}, {event.file} line {event.line}"
                detail = f"step {event.operations}/{self._steps}   {size(event.bytes)}   {place}"
                self._describe("computing", detail, event.operations)
            case Finished():
                pass  # shown by the command
            case _:
                assert_never(event)

    def _describe(self, text: str, detail: str, completed: int = 0) -> None:
        if self._task is None:
            self._task = self._bar.add_task(text, total=self._steps or None, detail=detail)
        self._bar.update(self._task, description=text, detail=detail, completed=completed, total=self._steps or None)
