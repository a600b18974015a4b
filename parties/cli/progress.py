"""The progress of a run, for people: whom it waits for, the step, rounds, bytes."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import Final, assert_never

from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar
from rich.table import Column
from rich.text import Text

from mpc.text import visible
from parties.report.words import size, time_left
from parties.system.events import (
    Agreed,
    Brought,
    Checking,
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

#: Where lines stay, seconds between two of them about one long work.
_LINE_S: Final = 30.0


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
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=16, table_column=Column(min_width=16)),
            TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=7)),
            TextColumn("{task.fields[left]}", markup=False, table_column=Column(no_wrap=True)),
            # What gives way on a narrow terminal.
            TextColumn(
                "{task.fields[detail]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
            ),
            console=self._err,
            transient=True,
            expand=True,
            disable=quiet or not self._err.is_terminal,
        )
        self._task: TaskID | None = None
        self._steps = 0
        self._rounds = 0
        self._last = ""
        self._last_line = monotonic()

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
        if self._err.is_terminal and line.startswith(("waiting for", "compiling")):
            self._describe(line)
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
            case Checking():
                self._on_checking(event)
            case Brought():
                self.status(f"{event.input}: {event.rows:,} rows of {event.file} fit the schema")
            case Agreed():
                self.status(f"✓ agreed: same scenario, parameters, schema and versions   study: {event.words}")
                self._describe("computing", detail=f"{self._rounds} rounds")
            case Contribution():
                self.status(f"to submit: {describe(event)}")
            case Receipt():
                self.status(f"✓ {event.party} has the contribution ({size(event.bytes)})")
            case News():
                self._steps = event.steps or self._steps
                self._describe(event.text, share=event.done / event.steps if event.steps else None)
            case Progress():
                self._on_progress(event)
            case Finished():
                pass  # shown by the command
            case _:
                assert_never(event)

    def _on_checking(self, event: Checking) -> None:
        of = f" of about {event.about:,}" if event.about else ""
        rows = f"{event.rows:,}{of} rows"
        self._describe(
            f"checking {event.dataset}", share=event.rows / event.about if event.about else None, detail=rows
        )
        self._line(f"checking {event.dataset}: {rows}")

    def _on_progress(self, event: Progress) -> None:
        left = "" if event.left is None else time_left(event.left)
        sent = size(event.bytes)
        if event.primitive:
            place = f"step {event.operations}/{self._steps}, {sent}: {event.primitive}, {event.file} line {event.line}"
        else:
            place = "organizations prepare their rows"
        self._describe("computing", share=event.share, left=left, detail=place)
        self._line(", ".join(part for part in (f"computing: {event.share:.0%}", sent, left) if part))

    def _line(self, text: str) -> None:
        """Where lines stay, one now and then."""
        now = monotonic()
        if not self._err.is_terminal and now - self._last_line >= _LINE_S:
            self._last_line = now
            self._err.print(Text(f"  {text}"), soft_wrap=True)

    def _describe(self, text: str, *, share: float | None = None, left: str = "", detail: str = "") -> None:
        if self._task is None:
            self._task = self._bar.add_task(text, detail="", left="")
        # Without a known share the bar only shows that something goes on. It never looks finished.
        next(task for task in self._bar.tasks if task.id == self._task).total = None if share is None else 1.0
        done = min(share or 0.0, 0.999)
        self._bar.update(self._task, description=text, completed=done, left=left, detail=visible(detail))
