"""Clocks that are wrong, by days and by years: keys are pinned, so a run does not depend on dates in certificates."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from parties.net import tls
from parties.net.session import Participant
from parties.organization import identity as identities
from parties.organization.identity import Identity
from tests.support.party_lab import Lab, participants, run
from tests.support.processes import NAMES, releases_alike, small_town

NOW = datetime(2027, 3, 1, tzinfo=UTC)
#: Days between the clock that made a certificate and the one that reads it.
AWAY = [-12 * 365, 3, 400, 45 * 365]


def clock(*moments):
    """In place of `datetime`: one moment after the other, and then the last one for ever."""
    calls = count()

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return moments[min(next(calls), len(moments) - 1)]

    return Clock


def made_at(monkeypatch, moment, home):
    """An organization whose keys were made when its clock, or ours, was elsewhere."""
    with monkeypatch.context() as patch:
        patch.setattr(identities, "datetime", clock(moment))
        return Identity.create(home)


@pytest.mark.parametrize("odd", [0, 1], ids=["the called", "the caller"])
@pytest.mark.parametrize("days", AWAY)
def test_a_session_opens_whatever_the_clocks_say_and_tells_of_it(tmp_path, monkeypatch, days, odd):
    made = made_at(monkeypatch, datetime.now(UTC) + timedelta(days=days), tmp_path / "odd")

    async def program():
        lab = Lab(2)
        among = participants(2, lab.ports)
        among[odd] = Participant(among[odd].name, made.key_hash, made.certificate, among[odd].address)
        sessions = [lab.make(i, participants=among, **({"identity": made} if i == odd else {})) for i in range(2)]
        await asyncio.gather(*(session.open() for session in sessions))
        await lab.finish()
        for lines in lab.lines:
            assert any(f"the certificate of {among[odd].name} " in line for line in lines), lines

    run(program)


@pytest.mark.parametrize("days", AWAY)
def test_what_is_said(tmp_path, monkeypatch, days):
    odd = made_at(monkeypatch, NOW + timedelta(days=days), tmp_path / "odd")
    note = tls.clock_note({"county": odd.certificate}, NOW)
    assert note is not None
    assert note.startswith("this machine's clock says 01 March 2027; the certificate of county ")
    assert ("begins on" if days > 0 else "ended on") in note


@pytest.mark.parametrize("days", [-3000, -1, 0])
def test_nothing_is_said_of_a_clock_that_fits(tmp_path, monkeypatch, days):
    fits = made_at(monkeypatch, NOW + timedelta(days=days), tmp_path / "fits")
    assert tls.clock_note({"county": fits.certificate}, NOW) is None


@pytest.mark.slow
def test_a_run_between_clocks_that_are_years_apart(tmp_path, monkeypatch):
    """One certificate begins in three days, another one ended two years ago."""
    now = datetime.now(UTC)
    monkeypatch.setattr(identities, "datetime", clock(now + timedelta(days=3), now - timedelta(days=12 * 365), now))
    with small_town(tmp_path) as town:
        runs = town.start_all()
        assert [run.wait(60) for run in runs.values()] == [0, 0, 0]
        assert releases_alike([run.result for run in runs.values()])
        for name, said in zip(NAMES, ("begins on", "ended on"), strict=False):
            lines = runs["st-mary"].lines
            assert any(f"the certificate of {name} {said}" in line for line in lines), lines
