"""A compute party and the organizations of its study that do not compute: their contributions, their results."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpc.errors import ConfigError
from mpc.machine.engine import Engine
from mpc.machine.outside import Layout, Outside
from mpc.releases.study import Study
from parties.contributors.desk import Desk
from parties.contributors.gathering import gather
from parties.contributors.handout import Facts, hand_out, store
from parties.contributors.inbox import Contributor, Inbox
from parties.organization.home import Home
from parties.organization.identity import Card
from parties.organization.roll import Roll
from parties.study.plan import StudyPlan
from parties.system.events import Events, Status

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
        events: Events,
    ) -> None:
        self._home = home
        self._plan = plan
        self._layout = layout
        self._study = study
        self._events = events
        self._visitors = visitors(home, plan)
        self._paths: dict[str, Path] = {}
        #: So many contributions are used in the run.
        self.came = 0
        self.inbox = Inbox(
            home.path,
            home.identity,
            engine,
            layout,
            index=plan.index(home.name),
            study=study,
            contributors=[visitor for visitor in self._visitors if layout.size(visitor.index)],
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

    def check(self) -> None:
        """ConfigError if contributions cannot be kept, or if the study allows one run and had it."""
        self.inbox.check_writable()
        enrolled = self._plan.contributors
        if enrolled is not None and enrolled.at_least is not None and self.inbox.has_run:
            raise ConfigError(
                f"{self._plan.where}: a run of this study has used contributions already. With at_least a study has "
                "one run, since a second one with an organization more would show its numbers. Agree on another study"
            )

    def _status(self, text: str) -> None:
        self._events(Status(text))

    def _announce(self, text: str) -> None:
        """Write a status line, and send it to visitors that wait for results."""
        self._status(text)
        self.desk.set_progress(text)

    async def contributions(self, session: Session, wait: float) -> Outside:
        """Wait for a contribution of every contributor, or of enough of them, the same at all compute parties. Raises
        errors of `gather`."""
        if not self.inbox.contributors:
            return Outside(self._layout)
        ticks = 0

        def progressed() -> None:
            nonlocal ticks
            ticks += 1

        session.attach(progress=lambda: ticks, waiting=lambda: None)
        enrolled = self._plan.contributors
        digests = await gather(
            session.channel,
            self.inbox,
            wait=wait,
            status=self._announce,
            progressed=progressed,
            at_least=None if enrolled is None else enrolled.at_least,
        )
        dealt = await asyncio.to_thread(self.inbox.chosen, digests)
        if not self._plan.keep_contributions:
            await asyncio.to_thread(self.inbox.spend, digests)  # no value was opened yet
        self.came = len(digests)
        of = "" if self.came == len(self.inbox.contributors) else f" of {len(self.inbox.contributors):,}"
        self._announce(f"contributions of {self.came:,}{of} organizations are here")
        return Outside(self._layout, dealt)

    def results(self, study: Study, session: Session, facts: Facts) -> list[str]:
        """After the run: seal the parts for recipients that do not compute. Returns a line for each failed write."""
        recipients = [visitor for visitor in self._visitors if visitor.name in self._plan.recipients]
        cards: list[Card] = [visitor.card for visitor in recipients]
        sealed = hand_out(self._home.identity, cards, study, facts, digest=self._study, run=session.run_id)
        if not sealed:
            return []
        unwritten = []
        try:
            self._paths = store(self._home.path, self._study, sealed)
        except OSError as error:
            unwritten.append(
                f"the sealed results for {', '.join(sealed)} could not be written ({error.strerror}): they can be "
                "fetched only while this party waits"
            )
        self.desk.staying = True
        self.desk.offer_results({visitor.index: sealed[visitor.name] for visitor in recipients})
        return unwritten

    async def farewell(self, wait: float) -> None:
        """Wait until the results are fetched, at most `wait` seconds; results that are not fetched stay as files."""
        if not self.desk.staying:
            return
        if names := self.desk.not_fetched():
            self._status(f"waiting for {', '.join(names)} to fetch results")
        left = await self.desk.wait_until_fetched(wait)
        for visitor in self._visitors:
            path = self._paths.get(visitor.name)
            if path is None:
                if visitor.index in left:
                    self._status(f"{visitor.name} has not fetched its results, and they are lost here")
                continue
            if visitor.index in left:
                self._status(f"{visitor.name} has not fetched its results; its sealed part is {path}")
            else:
                path.unlink(missing_ok=True)


def visitors(home: Home, plan: StudyPlan) -> list[Contributor]:
    """The organizations of a study that do not compute. ConfigError if the card of one is not known here, or if the
    roll of the others is wrong."""
    computing = set(plan.having("compute"))
    named = [
        Contributor(organization.name, index, home.consortium.member(organization.name).card)
        for index, organization in enumerate(plan.organizations)
        if organization.name not in computing
    ]
    return [*named, *_enrolled(home, plan)]


def _enrolled(home: Home, plan: StudyPlan) -> list[Contributor]:
    if plan.contributors is None:
        return []
    roll, where = plan.contributors.enrolled, plan.contributors.roll
    if not isinstance(roll, Roll):
        raise ConfigError(f"{roll.path} is the place of one organization: a compute party needs the roll, {where}")
    cards = roll.cards()
    keys = home.keys()
    known = {keys[organization.name]: organization.name for organization in plan.organizations}
    for card in cards:
        if card.key_hash in known:
            raise ConfigError(
                f"{roll.path}: {card.name} has the key of {known[card.key_hash]}, which the study names: it would "
                "count twice. Make the roll anew without this card:  comity roll make"
            )
    return [Contributor(card.name, index, card, True) for index, card in zip(plan.enrolled, cards, strict=True)]
