"""How long a run still takes: the plan guesses, and the run corrects the guess."""

import pytest

from mpc.machine.engine import Cost
from mpc.machine.network import Network
from mpc.machine.outside import Layout
from mpc.machine.trace import Step, Trace
from parties.run.remaining import Remaining
from protocols.dry import DryRun


def dry(sent=1_000_000_000, steps=100, rounds=80, work=2.0):
    trace = Trace(3, [Step("multiply", (), Cost(rounds, (sent,) * 3, (0,) * 3), work)])
    cost = Cost(rounds, (sent,) * 3, (0,) * 3)
    return DryRun([], cost, steps, steps, False, set(), trace, Layout({}))


def test_nothing_is_said_before_anything_tells():
    assert Remaining(dry(), 0, network=None, checked=0).at(0, 0, 0) == (0, None)
    assert Remaining(dry(), 0, network=None, checked=0).at(5, 0, 0) == (0, None)


@pytest.mark.parametrize("seconds", [3, 30, 300])
def test_a_run_of_even_pace_is_foreseen_however_fast_it_is(seconds):
    remaining = Remaining(dry(), 0, network=None, checked=0)
    for part in (0.3, 0.6, 0.9, 1.0):
        share, left = remaining.at(part * seconds, int(part * 1_000_000_000), int(part * 100))
        assert share == pytest.approx(part)
        assert left == pytest.approx((1 - part) * seconds, rel=0.3, abs=1e-9)


def test_the_time_falls_and_ends_at_nothing():
    remaining = Remaining(dry(), 0, network=None, checked=0)
    told = [remaining.at(k, k * 10_000_000, k)[1] for k in range(1, 101)]
    assert max(told) < 100
    told = told[told.index(max(told)) :]  # until then, the guess was corrected upwards
    assert len(told) > 70
    assert told == sorted(told, reverse=True)
    assert told[-1] == 0


def test_slow_rounds_count_on_a_slow_network():
    """After all bytes and a tenth of the steps, rounds are what is left."""
    small = dry(sent=1_000, rounds=1_000, work=0)
    share, left = Remaining(small, 0, network=Network(0.040, 1e8), checked=0).at(4, 1_000, 10)
    assert share == pytest.approx(0.1, abs=0.01)
    assert left == pytest.approx(36, rel=0.1)


def test_an_owner_of_many_rows_foresees_what_its_own_work_takes():
    remaining = Remaining(dry(), 0, network=None, checked=10)
    share, left = remaining.at(1, 0, 0)
    assert 0 < share < 0.1
    assert left > 14  # preparing, one and a half times the check, and the computation
    _, later = remaining.at(60, 0, 0)  # it takes longer than was guessed: there is time left all the same
    assert later > 5
    _, begun = remaining.at(61, 500_000_000, 50)
    assert 0 < begun < 61


def test_more_bytes_than_planned_do_not_go_beyond_the_end():
    assert Remaining(dry(), 0, network=None, checked=0).at(9, 1_100_000_000, 101) == (1, 0)
