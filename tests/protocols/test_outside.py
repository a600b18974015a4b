"""Organizations that contribute and learn without computing, in simulation."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from mpc import Real, Scenario, Study, Table
from mpc.errors import CheckFailed, ConfigError, DataError, LocalProtocolError
from mpc.machine.channel import MemoryNetwork
from mpc.machine.engine import Spec
from mpc.machine.party import Party
from mpc.machine.simulation import simulate_parties
from mpc.releases.study import runtime_of
from parties.local.oracle import deviations
from parties.study.loader import load
from protocols.replicated import outside
from protocols.replicated.engine import ReplicatedEngine
from protocols.replicated.sharing import Arithmetic, Bits
from protocols.simulate import Computation, dry_run, make_engine, simulate
from protocols.simulated import Simulation
from tests.support.processes import SMALL, small_rows

NAMES = "abcdefg"
SCENARIO = load(str(SMALL)).scenario
EDGES = [0, 1, -1, 2**61, -(2**61), 2**63 - 1, -(2**63)]


def tables(names: str = NAMES) -> dict[str, dict[str, pd.DataFrame]]:
    return {name: {"patients": pd.read_csv(io.StringIO(small_rows(seed)))} for seed, name in enumerate(names)}


def close_to_the_clear(run: Simulation, given: dict[str, dict[str, pd.DataFrame]]) -> None:
    oracle = SCENARIO.oracle
    assert oracle is not None
    wanted = oracle(pd.concat([own["patients"] for own in given.values()]), None)
    kinds = {entry.name: entry.kind for entry in run.entries}
    assert set(run.releases) == set(wanted)
    assert deviations(run.releases, kinds, wanted)[0] < 1e-6


@pytest.mark.parametrize("engine", ["ideal", "replicated", "shamir"])
@pytest.mark.parametrize("compute", ["abc", "bdf"])
def test_four_of_seven_only_contribute(engine, compute):
    run = simulate(SCENARIO, tables(), engine=engine, compute=compute)
    close_to_the_clear(run, tables())
    assert run.left_out == ()
    # Who does not compute learns what the others learn, from parts that only together tell it.
    assert all(run.by_organization[name] == run.releases for name in NAMES)


@pytest.mark.parametrize("engine", ["ideal", "replicated", "shamir"])
def test_the_same_results_as_when_all_compute(engine):
    few = tables("abc")
    together = simulate(SCENARIO, {**few, "d": {}}, engine=engine, compute="bcd")
    close_to_the_clear(together, few)


def test_nobody_but_recipients_learns():
    run = simulate(SCENARIO, tables("abcde"), compute="abc", recipients=["b", "e"])
    assert set(run.by_organization["b"]) == set(run.by_organization["e"]) == set(run.releases)
    assert [run.by_organization[name] for name in "acd"] == [{}, {}, {}]
    only = simulate(SCENARIO, tables("abcd"), compute="abc", recipients=["d"])
    close_to_the_clear(only, tables("abcd"))
    assert all(not only.by_organization[name] for name in "abc")


@pytest.mark.parametrize("engine", ["ideal", "replicated", "shamir"])
@pytest.mark.parametrize("lie", [2**61 + 1, -(2**61) - 1, 2**62, -(2**62), 2**63 - 1, -(2**63)])
def test_a_value_beyond_its_bound_leaves_its_owner_out(engine, lie):
    def altered(name: str, vector: np.ndarray) -> np.ndarray:
        if name == "f":
            vector[len(vector) // 2] = lie
        return vector

    run = simulate(SCENARIO, tables(), engine=engine, compute="abc", altered=altered)
    assert run.left_out == ("f",)
    close_to_the_clear(run, {name: own for name, own in tables().items() if name != "f"})


@pytest.mark.parametrize("engine", ["ideal", "replicated", "shamir"])
def test_zeros_are_an_organization_without_rows(engine):
    """What stands in place of a contribution that has not come keeps all bounds and relations."""

    def nothing(name: str, vector: np.ndarray) -> np.ndarray:
        return np.zeros_like(vector) if name == "f" else vector

    run = simulate(SCENARIO, tables(), engine=engine, compute="abc", altered=nothing)
    assert run.left_out == ()
    close_to_the_clear(run, {name: own for name, own in tables().items() if name != "f"})


@pytest.mark.slow
def test_each_value_is_held_against_its_own_bound():
    layout = dry_run(Computation(SCENARIO, NAMES, compute=3, owners={"patients": range(7)})).layout
    bounds = layout.bounds(4)
    assert bounds.size == layout.size(4) > 10

    given = tables()

    def left_out(beyond: int, **places: int) -> tuple[str, ...]:
        """Where each of some brings zeros but in one place, and there a value at its bound or beyond it."""

        def altered(name: str, vector: np.ndarray) -> np.ndarray:
            if name in places:
                place = places[name] % vector.size
                vector[...] = 0
                vector[place] = (bounds[place] + beyond) * (-1 if name == "g" else 1)
            return vector

        return simulate(SCENARIO, given, engine="ideal", compute="abc", altered=altered).left_out

    assert left_out(0, e=0) == ()  # a number of rows, as many as there may be
    for place in range(0, bounds.size, 6):
        assert left_out(1, e=place, f=place + 1, g=place + 2) == ("e", "f", "g")


def test_all_left_out_is_a_study_of_the_others():
    run = simulate(SCENARIO, tables(), compute="abc", altered=lambda name, vector: vector * 0 + 2**62)
    assert run.left_out == ("d", "e", "f", "g")
    close_to_the_clear(run, tables("abc"))


class Rows(Table):
    x = Real(0, 50)


class Other(Table):
    y = Real(0, 10)


def test_rows_and_several_tables():
    scenario = Scenario(inputs={"rows": Rows.rows(at_most=20), "other": Other.held_by("registry", at_most=9)})

    @scenario.run
    async def run(study: Study) -> None:
        rows, other = study.table("rows"), study.table("other")
        study.release("sum", rows.x.sum(), minimum=1)
        shared = rows.x.share(rows=12)
        study.release("shared", shared.sum(), minimum=1)
        (ys,) = (other.share(rows=9)["y"],)
        study.release("y", ys.sum(), minimum=1)
        study.release("median", shared.median(), minimum=1)

    given = {
        "a": {"rows": {"x": [1.0, 2.0]}},
        "b": {},
        "c": {"rows": {"x": [30.0]}},
        "d": {"rows": {"x": list(range(12))}, "other": {"y": [1.5, 2.5]}},
        "e": {"rows": {"x": [7.0, 8.0, 50.0]}},
    }
    for engine in ("ideal", "replicated"):
        out = simulate(scenario, given, engine=engine, compute="abc").releases
        values = [x for own in given.values() for x in own.get("rows", {}).get("x", [])]
        assert out["sum"] == pytest.approx(sum(values), rel=1e-6)
        assert out["shared"] == pytest.approx(sum(values), rel=1e-6)
        assert out["y"] == pytest.approx(4.0, rel=1e-6)
        assert out["median"] == pytest.approx(np.median(values), rel=1e-6)


def test_its_data_must_fit_before_anything_is_dealt():
    given = tables("abcd")
    given["d"]["patients"].loc[3, "x"] = 51
    with pytest.raises(DataError, match="1 of 40 values"):
        simulate(SCENARIO, given, compute="abc")


def test_parts_that_run_beside_each_other_take_the_right_values():
    scenario = Scenario(inputs={"rows": Rows.rows(at_most=100)})

    @scenario.run
    async def run(study: Study) -> None:
        rows = study.table("rows")

        async def part(name: str, low: float, waits: int) -> None:
            for _ in range(waits):
                await study.settle(rows[rows.x >= low].count())
            study.release(name, rows[rows.x < low].count(), minimum=1)

        await study.gather(part("under 10", 10, 3), part("under 20", 20, 0), part("under 30", 30, 1))

    given = {name: {"rows": {"x": np.linspace(0, 50, 11 + seed)}} for seed, name in enumerate("abcde")}
    every = np.concatenate([own["rows"]["x"] for own in given.values()])
    run_ = simulate(scenario, given, compute="abc")
    assert run_.releases == {f"under {t}": int((every < t).sum()) for t in (10, 20, 30)}


def awaiting(*, asks: bool) -> Scenario:
    """A script that goes on with a value: with rows that were shared before, or (asks) with more of the owners'."""
    scenario = Scenario(inputs={"rows": Rows.rows(at_most=50)})

    @scenario.run
    async def run(study: Study) -> None:
        rows = study.table("rows")
        x = rows.x.share(rows=9)
        mean = await study.release("mean", rows.x.mean(), minimum=1)
        known = float(mean or 0.0)
        more = rows[rows.x > known].count() if asks else (x > known).sum()
        study.release("above", more, minimum=1)

    return scenario


def test_a_script_goes_on_with_a_value_where_nobody_outside_is_asked_for_more():
    given = {name: {"rows": {"x": [float(seed + i) for i in range(9)]}} for seed, name in enumerate("abcd")}
    every = np.concatenate([own["rows"]["x"] for own in given.values()])
    for engine in ("ideal", "replicated"):
        run = simulate(awaiting(asks=False), given, engine=engine, compute="abc", recipients=list("abc"))
        assert run.releases["above"] == int((every > every.mean()).sum())


def test_a_script_that_asks_for_more_with_an_opened_value_is_refused_with_the_reason():
    four = {"organizations": "abcd", "compute": 3}
    with pytest.raises(ConfigError, match="asks for 'count' after it has the value of release 'mean'"):
        dry_run(Computation(awaiting(asks=True), **four, recipients="abc"))
    with pytest.raises(ConfigError, match="recipients that do not compute cannot have"):
        dry_run(Computation(awaiting(asks=False), **four))
    # What is known to some compute parties only is None everywhere, as ever.
    dry_run(Computation(awaiting(asks=True), **four, recipients="ad"))
    assert dry_run(Computation(awaiting(asks=True), "abc", compute=3)).may_depend_on_opened


def test_a_script_that_asks_otherwise_than_its_dry_run_is_stopped():
    asked: list[bool] = []
    scenario = Scenario(inputs={"rows": Rows.rows()})

    @scenario.run
    async def run(study: Study) -> None:
        rows = study.table("rows")
        if runtime_of(study).dry or asked:
            study.release("rows", rows.count())
        else:
            study.release("rows", rows[rows.x < 3].x.sum())

    with pytest.raises(LocalProtocolError, match="which its dry run did not"):
        simulate(scenario, {name: {"rows": {"x": [1.0] * 9}} for name in "abcd"}, compute="abc")


def test_the_plan_counts_what_taking_contributions_costs():
    alone = dry_run(Computation(SCENARIO, "abc", compute=3))
    more = dry_run(Computation(SCENARIO, NAMES, compute=3))
    assert alone.layout.owners == ()
    assert more.layout.owners == (3, 4, 5, 6)
    assert more.rounds > alone.rounds
    run = simulate(SCENARIO, tables(), compute="abc")
    assert (run.cost.rounds, run.cost.bytes_sent) == (more.rounds, more.bytes_sent)
    assert tuple(run.network.bytes_sent) == more.bytes_sent


# ---- the engine's part
def random_of(seed: int):
    generator = np.random.default_rng(seed)
    return lambda size: generator.bytes(size)


def joined(shares: list[Arithmetic | Bits]) -> np.ndarray:
    """All components together; what two parties hold must be the same."""
    for i in range(3):
        assert_array_equal(shares[i].data[1], shares[(i + 1) % 3].data[0])
    a, b, c = (share.data[1] for share in shares)
    return a ^ b ^ c if isinstance(shares[0], Bits) else (a + b + c).view(np.int64)


@given(st.lists(st.lists(st.one_of(st.sampled_from(EDGES), st.integers(-(2**63), 2**63 - 1)), max_size=9), max_size=4))
@settings(deadline=None, max_examples=30)
def test_what_is_dealt_is_taken(vectors):
    engine = ReplicatedEngine()
    values = [np.array(vector, np.int64) for vector in vectors]
    dealt = [engine.deal(vector, random_of(i)) for i, vector in enumerate(values)]
    kinds = [engine.pieces(vector.size) for vector in values]
    assert [[piece.nbytes for piece in own] for own in dealt] == [[k.octets for k in own] for own in kinds]

    async def program(party: Party) -> Arithmetic:
        own = [
            [p if party.index in k.holders else None for p, k in zip(pieces, kind, strict=True)]
            for pieces, kind in zip(dealt, kinds, strict=True)
        ]
        return engine.take(party, pieces=own, sizes=[vector.size for vector in values])

    shares = simulate_parties(program).results
    assert_array_equal(joined(shares), np.concatenate([*values, np.empty(0, np.int64)]))


def test_one_party_alone_holds_nothing_of_what_is_dealt():
    """P_0 gets two seeds and no vector; P_1 and P_2 a vector that one stream they lack masks."""
    engine = ReplicatedEngine()
    assert [kind.holders for kind in engine.pieces(5)] == [(0, 1), (1, 2), (2, 0)]
    same = random_of(1)
    zeros, ones = (engine.deal(np.full(4000, value, np.int64), same) for value in (0, 1))
    for vector in (zeros[1], ones[1]):
        bits = np.unpackbits(vector)
        assert abs(bits.mean() - 0.5) < 0.01
    assert not np.array_equal(zeros[0], ones[0])


def handed(x: np.ndarray, width: int | None, seed: int) -> tuple[list[np.ndarray], MemoryNetwork, Spec]:
    generator = np.random.default_rng(seed)
    words = x.reshape(-1).view(np.uint64) if width is None else x.reshape(-1)
    kind = np.uint8 if width == 1 else np.uint64
    masks = generator.integers(0, 2**64 if width is None else 2**width, (2, words.size), dtype=np.uint64)
    last = words - masks[0] - masks[1] if width is None else words ^ masks[0] ^ masks[1]
    parts = np.stack([masks[0], masks[1], last]).astype(kind)

    async def program(party: Party) -> np.ndarray:
        data = np.ascontiguousarray(parts[[(party.index + 2) % 3, party.index]])
        share = Arithmetic(data, x.shape) if width is None else Bits(data, x.shape, width)
        return await outside.hand_out(party, share)

    spec = Spec(x.shape) if width is None else Spec(x.shape, "bits", width)
    run = simulate_parties(program, seed=seed)
    return run.results, run.network, spec


@pytest.mark.parametrize("width", [None, 1, 7, 33, 64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 5), (0,), (20_000,)])
def test_parts_together_tell_the_value(width, shape):
    generator = np.random.default_rng(3)
    x = (
        generator.integers(-(2**63), 2**63, shape)
        if width is None
        else generator.integers(0, 2**width, shape, np.uint64)
    )
    x = np.asarray(x)
    parts, network, spec = handed(x, width, 5)
    engine = ReplicatedEngine()
    assert [part.size for part in parts] == [engine.handed_words(spec)] * 3
    assert_array_equal(engine.combine(parts, spec), x)
    _, cost = engine.plan("hand_out", b"simulated-label.", spec)
    assert tuple(network.bytes_sent) == cost.bytes_sent


def test_parts_are_a_fresh_sharing():
    """What inputs went into a sum must not show in its components: for fixed components of x, they are uniform."""
    x = np.array([12345], np.int64)
    seen = Counter(int(handed(x, None, seed)[0][1][1]) >> 62 for seed in range(200))
    assert len(seen) == 4
    assert max(seen.values()) < 100


@pytest.mark.parametrize("word", [0, 1, 2, 3])
def test_a_part_that_was_changed_is_found(word):
    x = np.array([7, -7], np.int64)
    for liar in range(3):
        parts, _, spec = handed(x, None, 9)
        parts[liar] = parts[liar].copy()
        parts[liar][word] += np.uint64(1)
        with pytest.raises(CheckFailed, match="different shares of the same release"):
            ReplicatedEngine().combine(parts, spec)


def test_ideal_parts_must_agree():
    engine = make_engine("ideal", 3)
    parts = [np.array([1], np.uint64), np.array([1], np.uint64), np.array([2], np.uint64)]
    with pytest.raises(CheckFailed):
        engine.combine(parts, Spec((1,)))
