"""A compute party towards the organizations of its study that do not compute: their contributions, their results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpc.machine.engine import Engine
from mpc.machine.outside import Layout, Outside
from mpc.releases.study import Study
from parties.contributors.desk import Desk
from parties.contributors.gathering import gather
from parties.contributors.handout import Facts, hand_out, store
from parties.contributors.inbox import Contributor, Inbox
from parties.organization.home import Home
from parties.organization.identity import Card
from parties.study.plan import StudyPlan

if TYPE_CHECKING:
    from parties.net.session import Session


class Reception:
    """The inbox and the desk of one run."""

    def __init__(
        self,
        home: Home,
        plan: StudyPlan,
        engine: Engine,
        layout: Layout,
        *,
        study: bytes,
        document: dict[str, Any],
        events: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self._home = home
        self._plan = plan
        self._layout = layout
        self._study = study
        self._events = events
        self._visitors = visitors(home, plan)
        self._paths: dict[str, Path] = {}
        self.inbox = Inbox(
            home.path,
            home.identity,
            engine,
            layout,
            index=plan.index(home.name),
            study=study,
            contributors=[one for one in self._visitors if layout.sizes.get(one.index)],
        )
        self.desk = Desk(
            identity=home.identity,
            name=home.name,
            study=study,
            document=document,
            visitors=self._visitors,
            inbox=self.inbox,
            status=self._status,
        )

    def _status(self, text: str) -> None:
        self._events("status", {"text": text})

    def _told(self, text: str) -> None:
        """A status line that those who wait for results see, too."""
        self._status(text)
        self.desk.tell(text)

    async def contributions(self, session: Session, wait: float) -> Outside:
        """Wait for a contribution of everybody, the same ones at all compute parties. Raises what `gather` raises."""
        if not self.inbox.contributors:
            return Outside(self._layout)
        ticks = 0

        def progressed() -> None:
            nonlocal ticks
            ticks += 1

        session.attach(progress=lambda: ticks, waiting=lambda: None)
        digests = await gather(session.channel, self.inbox, wait=wait, status=self._told, progressed=progressed)
        dealt = self.inbox.chosen(digests)
        if not self._plan.keep_contributions:
            await asyncio.to_thread(self.inbox.spend, digests)  # nothing was opened yet
        self._told(f"contributions of {len(digests)} organizations are here")
        return Outside(self._layout, dealt)

    def results(self, study: Study, session: Session, facts: Facts) -> list[str]:
        """The run is done: seal the parts of those who learn without computing. What could not be written, in words."""
        recipients = [one for one in self._visitors if one.name in self._plan.recipients]
        cards: list[Card] = [one.card for one in recipients]
        sealed = hand_out(self._home.identity, cards, study, facts, digest=self._study, run=session.run_id)
        if not sealed:
            return []
        unwritten = []
        try:
            self._paths = store(self._home.path, self._study, sealed)
        except OSError as error:
            unwritten.append(
                f"the sealed results of {', '.join(sealed)} could not be kept ({error.strerror}): they can fetch them "
                "only while this party waits"
            )
        self.desk.staying = True
        self.desk.offer({one.index: sealed[one.name] for one in recipients})
        return unwritten

    async def farewell(self, wait: float) -> None:
        """Stay until the results are fetched, at most so many seconds; those that are not, stay as files."""
        if not self.desk.staying:
            return
        if names := self.desk.missing():
            self._status(f"waiting for {', '.join(names)} to fetch results")
        left = await self.desk.fetched(wait)
        for one in self._visitors:
            path = self._paths.get(one.name)
            if path is None:
                if one.index in left:
                    self._events("status", {"text": f"{one.name} has not fetched its results, and they are lost here"})
                continue
            if one.index in left:
                self._events("status", {"text": f"{one.name} has not fetched its results; its sealed part is {path}"})
            else:
                path.unlink(missing_ok=True)


def visitors(home: Home, plan: StudyPlan) -> list[Contributor]:
    """The organizations of a study that do not compute. ConfigError where a card is not known here."""
    return [
        Contributor(name, plan.index(name), home.consortium.member(name).card)
        for name in plan.participants
        if name not in plan.having("compute")
    ]
