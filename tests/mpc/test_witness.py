"""What two parties were told by a third one is compared before results are given out."""

import asyncio
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest

from mpc import Real, Scenario, Table
from mpc.errors import CheckFailed
from mpc.machine.channel import MemoryNetwork
from mpc.machine.party import Environment
from mpc.machine.runtime import Runtime
from mpc.machine.simulation import simulated_keys
from mpc.machine.witness import Coder, Witness
from protocols.assembly import assemble, rows_of, whole
from protocols.computation import Computation
from protocols.library import Library


class People(Table):
    age = Real(0, 120)


NAMES = ["county", "north", "st-mary"]


def run_with(scenario, tamper, engine="replicated", parties=3, liar=None):
    """The results of each party (or its error), and all messages; what one sends may be changed on its way. Errors of
    the liar end nobody else's run."""
    memory = MemoryNetwork(parties, tamper=tamper)
    computation = Computation(scenario, [f"o{i}" for i in range(parties)], engine=engine)
    order = []

    async def party(index):
        run = Runtime(
            computation.make_engine(),
            Library(),
            Environment(memory.channels[index], simulated_keys(index, parties, 1, record=False)),
        )
        rows = {"people": rows_of(pd.DataFrame({"age": np.arange(20.0) + index}), People.schema)}
        study = assemble(computation, run, rows=rows)
        try:
            await run.execute(whole(scenario, study))
        except Exception as error:
            if index != liar:
                order.append(index)
                memory.fail(error)
            return error
        return study.results

    async def main():
        return await asyncio.gather(*(party(i) for i in range(parties)))

    return asyncio.run(main()), memory.messages, order


def scenario_of(script):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 3})

    @scenario.run
    async def run(study):
        await script(study, study.table("people"))

    return scenario


async def plain(study, people):
    study.release("patients", people.count())


async def awaited(study, people):
    seen = await study.release("patients", people.count())
    study.release("more", people.age.mean() * seen)


async def beside(study, people):
    async def part(k):
        value = people.age.mean() * k
        await study.settle(value)
        return value

    for value, name in zip(await study.gather(part(1), part(2)), ("one", "two"), strict=True):
        study.release(name, value)


async def sorting(study, people):
    shared = people.share(rows=20)["age"]
    study.release(
        "middle", shared.quantile(0.5).about(people.count()) if hasattr(shared, "quantile") else people.count()
    )


@pytest.fixture
def witnessed(monkeypatch):
    """Tags of all messages that are compared later."""
    tags, real = set(), Coder.code

    def code(self, tag, message):
        tags.add(tag)
        return real(self, tag, message)

    monkeypatch.setattr(Coder, "code", code)
    return tags


@pytest.mark.parametrize("script", [plain, awaited, beside], ids=lambda script: script.__name__)
def test_a_wrong_message_of_an_opening_ends_the_run(script, witnessed):
    scenario = scenario_of(script)
    honest, messages, _ = run_with(scenario, None)
    assert all(isinstance(results, dict) and results for results in honest)
    told = Counter((sender, tag) for sender, _, tag, _ in messages)
    two = {tag for (_, tag), count in told.items() if count == 2}  # one sends to both, others may answer under it
    openings = sorted(
        (tag, sender, receiver)
        for sender, receiver, tag, _ in messages
        if tag in witnessed and (tag not in two or told[sender, tag] == 2)
    )
    assert len(openings) >= 6  # a value and its mask, each to three parties
    for opening in openings[:: max(1, len(openings) // 12)]:

        def change(sender, receiver, tag, payload, opening=opening):
            if (tag, sender, receiver) == opening:
                payload = payload.copy()
                payload[-1] ^= 1
            return payload

        liar = opening[1]
        found, _, first = run_with(scenario, change, liar=liar)
        assert isinstance(found[first[0]], CheckFailed), (opening, found)
        assert "so a party did not keep to the protocol" in str(found[first[0]])
        for i, results in enumerate(found):
            assert i == liar or not isinstance(results, dict), "an honest party gives out what was opened"


def test_every_message_that_goes_to_two_parties_is_compared(witnessed):
    """In `replicated`, one tag from one sender to both others is the same message, or one of two that both hold."""
    for script in (plain, awaited, beside, sorting):
        _, messages, _ = run_with(scenario_of(script), None)
        told = defaultdict(list)
        for sender, _, tag, size in messages:
            told[sender, tag].append(size)
        two = {tag for (_, tag), sizes in told.items() if len(sizes) == 2 and set(sizes) != {16}}
        assert two <= witnessed


# ---- codes
def test_codes_do_not_depend_on_the_order_and_differ_for_all_else():
    a, b = Coder(simulated_keys(0, 2, 1).pair[1]), Coder(simulated_keys(1, 2, 1).pair[0])
    other = Coder(simulated_keys(0, 2, 2).pair[1])
    messages = [np.arange(k, dtype=np.uint8) for k in (0, 1, 200)] + [np.arange(5000).astype(np.uint64)]
    one, two = Witness(), Witness()
    codes = set()
    for i, message in enumerate(messages):
        one.add(1, a.code(b"tag%d" % i, message))
        codes |= {a.code(b"tag%d" % i, message), a.code(b"x", message), other.code(b"x", message)}
    for i, message in reversed(list(enumerate(messages))):
        two.add(1, b.code(b"tag%d" % i, message))
    assert one.sums == two.sums
    assert len(codes) == 3 * len(messages)


def test_the_same_change_of_two_long_messages_does_not_cancel():
    """Galois' code is linear in the message: sums of it alone would."""
    key = Coder(simulated_keys(0, 2, 1).pair[1])
    x, y = np.zeros(1000, np.uint64), np.ones(1000, np.uint64)
    change = np.zeros(1000, np.uint64)
    change[7] = 5
    assert key.code(b"a", x) ^ key.code(b"b", y) != key.code(b"a", x ^ change) ^ key.code(b"b", y ^ change)
