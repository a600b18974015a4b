"""What leaves a run: masks in their order, suppressed cells, recipients, and the agreed list of releases."""

from __future__ import annotations

import asyncio
import inspect
import random
from types import SimpleNamespace

import numpy as np
import pytest

import mpc
from mpc import Flag, Real, Result, Scenario, Table
from mpc.errors import ConfigError, PolicyError, RangeError
from mpc.machine.channel import MemoryNetwork
from mpc.machine.party import Environment
from mpc.machine.runtime import Runtime
from mpc.machine.simulation import simulated_keys
from mpc.releases.study import Study, runtime_of
from protocols import numeric
from protocols.ideal.engine import IdealEngine
from protocols.library import Library
from protocols.simulate import Computation, dry_run, make_engine, simulate
from tests.support.engines import ENGINES
from tests.support.value_floor import rows, secret

NAMES = ["county", "north", "st-mary"]
SMALL = "suppressed (fewer than 10)"


class Openings(IdealEngine):
    """Keeps what is opened, and to whom."""

    def __init__(self):
        super().__init__(3)
        self.opened = []

    async def open(self, party, x, *, to):
        self.opened.append((np.asarray(x.values).tolist(), tuple(to)))
        return await super().open(party, x, to=to)


def studies(script, *, engine="ideal", dry=False, manifest=None, recipients=NAMES, **parameters):
    """Run `await script(study)` at three parties; their studies and engines."""
    network = MemoryNetwork(3)
    engines = [Openings() if engine == "ideal" else make_engine(engine) for _ in NAMES]
    made = []
    for index in range(1 if dry else 3):
        environment = None if dry else Environment(network.channels[index], simulated_keys(index, 3, 1))
        run = Runtime(engines[index], Library(), environment)
        made.append(
            Study(
                run,
                parameters=SimpleNamespace(**parameters),
                participants=NAMES,
                recipients=recipients,
                schemas={},
                owners={},
                at_most={},
                manifest=manifest,
            )
        )

    async def whole(study):
        await script(study)
        await study.finish()

    async def main():
        tasks = [asyncio.ensure_future(runtime_of(study).execute(whole(study))) for study in made]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    try:
        asyncio.run(main())
    finally:
        for study, used in zip(made, engines, strict=False):
            study.openings = getattr(used, "opened", [])
    return made


def here():
    """The line that calls this."""
    return inspect.currentframe().f_back.f_lineno


def released(script, **how):
    made = studies(script, **how)
    assert made[0].results == made[1].results == made[2].results
    return made[0].results


BOTH = pytest.mark.parametrize("engine", ENGINES)


# ---- forms
@BOTH
def test_values_in_their_form(engine):
    async def script(study):
        run = runtime_of(study)
        study.release("whole", secret(run, 41) + 1)
        study.release("real", secret(run, 0.25))
        study.release("bits", secret(run, [True, False]))
        study.release("bit", secret(run, 3) > 2)
        study.release("matrix", secret(run, [[1, 2], [3, 4]]))
        study.release("none", secret(run, np.zeros((0, 2))))
        study.release("exact", secret(run, [2**60 + 1, -(2**60) - 1]))

    got = released(script, engine=engine)
    assert got == {
        "whole": 42,
        "real": 0.25,
        "bits": [1, 0],
        "bit": 1,
        "matrix": [[1, 2], [3, 4]],
        "none": [],
        "exact": [2**60 + 1, -(2**60) - 1],
    }
    assert isinstance(got["whole"], int)
    assert list(got) == ["whole", "real", "bits", "bit", "matrix", "none", "exact"]


# ---- masks, in their order
@BOTH
@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("valid", [True, False])
def test_the_first_mask_that_falls_is_all_that_is_said(engine, sound, large, valid):
    line = [0]

    async def script(study):
        run = runtime_of(study)
        x, line[0] = secret(run, 7 if sound else 500, bound=1000).within(100), here()
        study.release("x", x.masked(secret(run, valid), "no rows").about(rows(run, 10 if large else 9)))

    expected = 7 if valid else "undefined: no rows"
    got = released(script, engine=engine)
    expected = expected if sound else broken(line[0])
    assert got == {"x": expected if large else SMALL}


def test_nothing_under_a_cleared_mask_is_opened():
    """Not even which of the later masks would have fallen."""

    def opened(sound, large, valid, value):
        async def script(study):
            run = runtime_of(study)
            x = secret(run, value if sound else 500000, bound=1000000).within(100000)
            study.release("x", x.masked(secret(run, valid), "").about(rows(run, 10 if large else 9)))

        return studies(script)[0].openings

    for valid in (True, False):
        assert opened(False, True, valid, 7) == opened(False, True, True, 12345)
        assert opened(True, False, valid, 7) == opened(False, False, True, 12345)
    assert opened(True, True, False, 7) == opened(True, True, False, 12345)
    assert opened(True, True, True, 7) != opened(True, True, True, 8)


def test_elements_are_suppressed_one_by_one_and_a_scalar_cohort_stands_behind_all():
    async def script(study):
        run = runtime_of(study)
        counts = rows(run, [9, 10, 0, 5000])
        study.release("cells", (counts * 2).about(counts))
        study.release("halves", (secret(run, [0.5, 1.5, 2.5, 3.5])).about(counts, rows(run, 11)))
        study.release("all", secret(run, [1, 2]).about(rows(run, 3)))
        study.release("sum", secret(run, [1, 2, 3, 4]).about(counts).sum())
        study.release("free", secret(run, [1, 2]))
        study.release("lower", secret(run, 5).about(rows(run, 3)), minimum=3)
        study.release("off", secret(run, 5).about(rows(run, 0)), minimum=1)
        masked = secret(run, [1, 2, 3, 4]).masked(secret(run, [True, True, False, False]), "nothing there")
        study.release("masked", masked.about(counts))

    assert released(script) == {
        "cells": [SMALL, 20, SMALL, 10000],
        "halves": [SMALL, 1.5, SMALL, 3.5],
        "all": [SMALL, SMALL],
        "sum": SMALL,
        "free": [1, 2],
        "lower": 5,
        "off": 5,
        "masked": [SMALL, 2, SMALL, "undefined: nothing there"],
    }


@pytest.mark.parametrize(("given", "least"), [(None, 10), (3, 3), (50, 50)])
def test_the_minimum_is_the_studys(given, least):
    async def script(study):
        for n in (2, 3, 9, 10, 49, 50):
            study.release(str(n), secret(runtime_of(study), n).about(rows(runtime_of(study), n)))

    parameters = {} if given is None else {"minimum_cohort": given}
    got = released(script, **parameters)
    text = f"suppressed (fewer than {least})"
    assert got == {str(n): n if n >= least else text for n in (2, 3, 9, 10, 49, 50)}


def test_results_of_several_parts_fall_together():
    async def script(study):
        run = runtime_of(study)
        for name, counts, together in [("a", [5, 50], True), ("b", [5, 50], False), ("c", [60, 50], True)]:
            n = rows(run, counts)
            parts = {"n": n.about(n), "mean": secret(run, [1.5, 2.5]).about(n)}

            def finish(opened):
                return {part: one.cells() for part, one in opened.items()} | {"ok": opened["n"].ok}

            study.release(name, Result("test", parts, finish, together=together))

    got = released(script)
    assert got["a"] == {"n": [SMALL] * 2, "mean": [SMALL] * 2, "ok": False}
    assert got["b"] == {"n": [SMALL, 50], "mean": [SMALL, 2.5], "ok": False}
    assert got["c"] == {"n": [60, 50], "mean": [1.5, 2.5], "ok": True}


def broken(line):
    return f"out of range: the assumption at test_disclosure.py line {line} did not hold"


@BOTH
def test_an_assumption_that_fails_blanks_what_rests_on_it_and_says_its_line(engine):
    lines = {}

    async def script(study):
        run = runtime_of(study)
        x, lines["x"] = secret(run, [1, 400], bound=1000).within(300), here()
        y, lines["y"] = secret(run, 90, bound=1000).within(100), here()
        z, lines["z"] = secret(run, -200, bound=1000).within(100), here()
        study.release("x", x)
        study.release("y", y * 2)
        study.release("unrelated", secret(run, 3))
        study.release("product", (x * y)[0])
        study.release("y and z", y + z)
        study.release("x after z", mpc.where(z < 0, x[0], 5))
        study.release("bare", z.bare().sum())
        study.release("undefined too", secret(run, 3).masked(z > 0, "why"))
        study.release("few too", secret(run, 3).about(z))
        parts = {"fine": secret(run, 1), "broken": z}
        for together in (False, True):
            form = Result("test", parts, lambda o: {n: p.cells() for n, p in o.items()}, together=together)
            study.release(f"together {together}", form)

    got = released(script, engine=engine)
    assert got == {
        "x": [broken(lines["x"])] * 2,
        "y": 180,
        "unrelated": 3,
        "product": broken(lines["x"]),
        "y and z": broken(lines["z"]),
        "x after z": broken(lines["x"]),
        "bare": broken(lines["z"]),
        "undefined too": broken(lines["z"]),
        "few too": broken(lines["z"]),
        "together False": {"fine": 1, "broken": broken(lines["z"])},
        "together True": {"fine": broken(lines["z"]), "broken": broken(lines["z"])},
    }


def test_assumptions_of_many_lines_cost_a_bit_a_line():
    """One line made in a loop counts once, and who reads learns the first line that failed, and no other."""

    def opened(values):
        async def script(study):
            run = runtime_of(study)
            total = secret(run, 0)
            for value in values[:2]:
                total = total + secret(run, value, bound=1000).within(100)
            total = total + secret(run, values[2], bound=1000).within(100)
            total = total + secret(run, values[3], bound=1000).within(100)
            study.release("total", total)

        made = studies(script)[0]
        return made.openings, made.results["total"]

    openings, total = opened([1, 2, 3, 4])
    assert total == 10
    assert [np.size(values) for values, _ in openings] == [1, 3]
    second, third = opened([1, 2, 500, 4]), opened([1, 2, 500, 500])
    assert second == third
    assert opened([1, 500, 3, 500])[0] == opened([500, 2, 500, 4])[0]


@BOTH
def test_an_undefined_value_breaks_no_assumption(engine):
    async def script(study):
        run = runtime_of(study)
        nobody = secret(run, 500, bound=1000).masked(secret(run, False), "no rows").within(100)
        some = secret(run, [500.0, 0.5], bound=1000).masked(secret(run, [False, True]), "no rows").within(1)
        study.release("nobody", nobody)
        study.release("some", some)
        study.release("sum", some.sum())
        study.release("both", some + 1)

    assert released(script, engine=engine) == {
        "nobody": "undefined: no rows",
        "some": ["undefined: no rows", 0.5],
        "sum": 0.5,
        "both": ["undefined: no rows", 1.5],
    }


@BOTH
def test_the_first_cause_is_told(engine):
    """Through functions, products, where, concatenate and comparisons: what is undefined stays so for its reason."""

    async def script(study):
        run = runtime_of(study)
        no = secret(run, 0.0, bound=8.0).masked(secret(run, False), "no rows")
        yes = secret(run, -1.0, bound=8.0).masked(secret(run, True), "no rows")
        zero = secret(run, 1.0) / secret(run, 0)
        for name, x in (("no", no), ("yes", yes)):
            study.release(f"log {name}", x.log())
            study.release(f"root {name}", x.sqrt())
            study.release(f"inverse of log {name}", 1 / (x.log() + 1))
            study.release(f"chain {name}", numeric.sigmoid(x.log().exp() * 2) + 1)
            study.release(f"limited {name}", x.undefined_outside(0, 1, "not a share"))
            study.release(f"compared {name}", x.log() < 1)
        study.release("product", zero * no)
        study.release("swapped", no * zero)
        study.release("one of both", yes * zero)
        study.release("chosen", mpc.where(no < 1, zero, 1))
        study.release("beside", mpc.stack([no.log(), yes.log(), zero, secret(run, 1.0)]))
        study.release("mean of none", mpc.stack([no, no]).mean())
        study.release("sum", mpc.stack([no, yes]).sum())

    got = released(script, engine=engine)
    logarithm, root = "undefined: logarithm of a number that is not positive", "undefined: root of a negative number"
    none, by_zero = "undefined: no rows", "undefined: division by zero"
    assert got == {
        "log no": none,
        "root no": none,
        "inverse of log no": none,
        "chain no": none,
        "limited no": none,
        "compared no": none,
        "log yes": logarithm,
        "root yes": root,
        "inverse of log yes": logarithm,
        "chain yes": logarithm,
        "limited yes": "undefined: not a share",
        "compared yes": logarithm,
        "product": by_zero,
        "swapped": none,
        "one of both": by_zero,
        "chosen": none,
        "beside": [none, logarithm, by_zero, 1.0],
        "mean of none": "undefined: no valid element",
        "sum": -1.0,
    }


@BOTH
def test_an_undefined_element_leaves_other_rows_of_a_product_alone(engine):
    async def script(study):
        run = runtime_of(study)
        a = secret(run, [[1.0, 2.0], [3.0, 4.0]]).masked(secret(run, [[True, True], [True, False]]), "left")
        b = secret(run, [[1.0, 0.0], [0.0, 1.0]]).masked(secret(run, [[False, True], [True, True]]), "right")
        study.release("both", a @ b)
        study.release("left", a @ secret(run, [[1.0, 0.0], [0.0, 1.0]]))
        study.release("vector", a @ secret(run, [1.0, 1.0]))
        study.release("whole", a @ secret(run, [1.0, 1.0]).masked(secret(run, True), "all"))
        study.release("of vectors", a[0] @ b[:, 1])

    got = released(script, engine=engine)
    left, right = "undefined: left", "undefined: right"
    assert got == {
        "both": [[right, pytest.approx(2)], [left, left]],
        "left": [[pytest.approx(1), pytest.approx(2)], [left, left]],
        "vector": [pytest.approx(3), left],
        "whole": [pytest.approx(3), left],
        "of vectors": pytest.approx(2),
    }


def test_values_limited_and_divided_say_why():
    async def script(study):
        run = runtime_of(study)
        study.release("limited", secret(run, [0.5, 7.0]).undefined_outside(0, 1, "not a share"))
        study.release("divided", secret(run, [6, 1]) / secret(run, [3, 0]))
        study.release("chosen", mpc.where(secret(run, 1) / secret(run, 0) > 2, 1, 0))

    got = released(script)
    assert got["limited"] == [0.5, "undefined: not a share"]
    assert got["divided"] == [pytest.approx(2, rel=1e-6), "undefined: division by zero"]
    assert got["chosen"].startswith("undefined")


# ---- recipients
@BOTH
def test_who_is_no_recipient_gets_nothing(engine):
    awaited = {}

    async def script(study):
        run = runtime_of(study)
        awaited[run.index, "all"] = await study.release("all", secret(run, 1))
        awaited[run.index, "one"] = await study.release("one", secret(run, 2), to=["north"])
        study.release("two", secret(run, [3, 4]).about(rows(run, [5, 50])), to=["north", "st-mary"])

    made = studies(script, engine=engine)
    two = [SMALL, 4]
    assert [study.results for study in made] == [
        {"all": 1},
        {"all": 1, "one": 2, "two": two},
        {"all": 1, "two": two},
    ]
    assert {awaited[i, "all"] for i in range(3)} == {1}
    # Also None at the recipient: what the script branches on is known to all.
    assert {awaited[i, "one"] for i in range(3)} == {None}
    if engine == "ideal":
        assert {to for _, to in made[0].openings} == {(0, 1, 2), (1,), (1, 2)}


def test_a_recipient_of_the_study_must_be_one():
    async def script(study):
        study.release("x", secret(runtime_of(study), 1), to=["county"])

    with pytest.raises(PolicyError, match="county is no recipient"):
        studies(script, recipients=["north"])
    made = studies(lambda study: plain(study), recipients=["north"])
    assert [study.results for study in made] == [{}, {"x": 1}, {}]


async def plain(study):
    study.release("x", secret(runtime_of(study), 1))


def test_two_releases_of_one_name():
    async def script(study):
        study.release("x", secret(runtime_of(study), 1))
        study.release("x", secret(runtime_of(study), 2))

    with pytest.raises(ConfigError, match="'x'"):
        studies(script)


# ---- the agreed list
def listed(script, **how):
    return [entry.describe() for entry in studies(script, dry=True, **how)[0].entries]


AGREED = listed(plain)


def test_the_manifest_says_what_comes_out():
    line = dict(AGREED[0])
    file, number = line.pop("source").split(":")
    assert file == "test_disclosure.py"
    assert int(number) > 1
    assert line == {
        "name": "x",
        "kind": "number",
        "parts": {"value": []},
        "recipients": NAMES,
        "minimum": 10,
        "protection": {"value": {"guard": "public", "counts": [], "gap": "", "of": []}},
        "others": True,
        "dominance": 0,
        "together": False,
        "apart": [],
        "unprotected": "",
        "awaited": False,
    }

    async def script(study):
        await study.release("x", secret(runtime_of(study), [1, 2]), to=["north"], minimum=5)

    line = listed(script)[0]
    assert {key: line[key] for key in ("parts", "recipients", "minimum", "awaited")} == {
        "parts": {"value": [2]},
        "recipients": ["north"],
        "minimum": 5,
        "awaited": True,
    }


def test_what_was_agreed_runs():
    assert studies(plain, manifest=AGREED)[0].results == {"x": 1}


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda study, x: study.release("y", x), "'y' is not in"),
        (lambda study, x: study.release("x", x.reshape(1)), "kind"),
        (lambda study, x: study.release("x", Result("number", {"value": x.reshape(1)}, lambda o: 0)), "parts"),
        (lambda study, x: study.release("x", Result("number", {"value": x, "more": x}, lambda o: 0)), "parts"),
        (lambda study, x: study.release("x", x, to=["north"]), "recipients"),
        (lambda study, x: study.release("x", x, minimum=1), "minimum"),
        (lambda study, x: study.release("x", x, minimum=50), "minimum"),
    ],
)
@pytest.mark.parametrize("caught", [False, True])
def test_another_release_than_agreed_stops_the_run_before_anything_is_opened(change, names, caught):
    opened = []

    async def script(study):
        opened.append(study)
        try:
            change(study, secret(runtime_of(study), 1))
        except PolicyError:
            if not caught:
                raise
        await study.settle(secret(runtime_of(study), 1))

    if caught:  # a script that hides the error gets nothing out either
        for study in studies(script, manifest=AGREED):
            assert study.openings == []
            assert study.results == {}
        return
    with pytest.raises(PolicyError, match=names):
        studies(script, manifest=AGREED)
    for study in opened:
        assert study.openings == []
        assert study.results == {}


# ---- concurrent parts
class Jittery(Openings):
    def __init__(self, seed):
        super().__init__()
        self.chance = random.Random(seed)

    async def multiply(self, party, x, y):
        for _ in range(self.chance.randrange(6)):
            await asyncio.sleep(0)
        return await super().multiply(party, x, y)


@pytest.mark.parametrize("seed", range(4))
def test_parties_agree_on_releases_of_gathered_parts(seed):
    """Each party runs at its own pace; labels, order, checks and values are the same at all."""

    async def script(study):
        run = runtime_of(study)

        async def part(name, n):
            x = secret(run, n)
            for _ in range(3):
                x = x * 1 * secret(run, 1)
                await study.settle(x)
            study.release(f"{name} late", x.within(100))
            if name == "b":
                assert await study.release("b now", x) == n

        study.release("first", secret(run, 0))
        await study.gather(part("a", 1), part("b", 2), part("c", 3))
        study.release("last", secret(run, 9))

    network = MemoryNetwork(3)
    made = []
    for index in range(3):
        run = Runtime(
            Jittery(seed * 3 + index), Library(), Environment(network.channels[index], simulated_keys(index, 3, 1))
        )
        made.append(
            Study(
                run,
                parameters=SimpleNamespace(),
                participants=NAMES,
                recipients=NAMES,
                schemas={},
                owners={},
                at_most={},
            )
        )

    async def one(study):
        await script(study)
        await study.finish()

    async def main():
        await asyncio.gather(*(runtime_of(study).execute(one(study)) for study in made))

    asyncio.run(main())
    expected = {"first": 0, "a late": 1, "b late": 2, "b now": 2, "c late": 3, "last": 9}
    for study in made:
        assert study.results == expected
        assert [entry.name for entry in study.entries] == ["first", "a late", "b late", "b now", "c late", "last"]
        assert runtime_of(study).cost == runtime_of(made[0]).cost


# ---- whole scenarios
class Patients(Table):
    x = Real(0, 10)
    flag = Flag()


def scenario_of(script):
    scenario = Scenario(inputs={"patients": Patients.rows()}, parameters={"minimum_cohort": 10})
    scenario.run(script)
    return scenario


def split(x, flag):
    return {name: {"patients": {"x": x[i::3], "flag": flag[i::3]}} for i, name in enumerate(NAMES)}


@BOTH
def test_small_groups_of_rows_are_suppressed(engine):
    async def script(study):
        p = study.table("patients")
        few = p[p.flag]
        study.release("rows", p.count())
        study.release("few", few.count())
        study.release("few mean", few.x.mean())
        study.release("few sum", few.x.sum())
        study.release("difference", p.x.mean() - few.x.mean())
        study.release("scaled", few.x.mean() * 2 + 1)
        study.release("larger", few.x.mean() > 5)

    rng = np.random.default_rng(1)
    x = rng.uniform(1, 10, 60)
    for n in (0, 1, 9, 10, 14, 15):  # of 14 rows, five are at one of three owners
        flag = (np.arange(60) < n).astype(float)
        got = simulate(scenario_of(script), split(x, flag), engine=engine).releases
        assert got.pop("rows") == 60
        if n < 15:
            assert set(got.values()) == {SMALL}, got
        else:
            assert got["few"] == 15
            assert got["few sum"] == pytest.approx(x[:15].sum(), rel=1e-6)
            assert got["larger"] == int(x[:15].mean() > 5)


@BOTH
def test_what_is_computed_with_sums_of_rows_is_no_silent_zero(engine):
    async def script(study):
        p = study.table("patients")
        some = p[p.flag]
        ratio = some.x.sum() / p.x.sum()
        study.release("ratio", ratio)
        study.release("rest", 1 - ratio)
        study.release("percent", ratio.within(1) * 100)
        study.release("mean", p.x.sum() / p.count())
        study.release("share", some.count() / p.count())
        study.release("weighted", (p.x * p.x).sum() / p.x.sum())
        study.release("inverse", 1 / ratio)
        study.release("sixtieth", p.x.sum() / 60)
        study.release("hundredth", p.count() * 0.01)
        study.release("difference", p.x.sum() - some.x.sum() * 2.1)
        study.release("ratio squared", ratio.within(1) * ratio.within(1))
        study.release("total", p.x.mean() * p.count())
        study.release("variance", p.x.var())
        study.release("ratios", (p.x.sum() / some.x.sum()) / (p.count() / some.count()))
        study.release("none", p.x.sum() / p[p.x > 11].x.sum(), minimum=1)

    x = np.random.default_rng(1).uniform(1, 10, 60)
    flag = (np.arange(60) < 20).astype(float)
    got = simulate(scenario_of(script), split(x, flag), engine=engine).releases
    ratio = x[:20].sum() / x.sum()
    expected = {
        "ratio": ratio,
        "rest": 1 - ratio,
        "percent": 100 * ratio,
        "mean": x.mean(),
        "share": 1 / 3,
        "weighted": (x * x).sum() / x.sum(),
        "inverse": 1 / ratio,
        "sixtieth": x.mean(),
        "hundredth": 0.6,
        "difference": x.sum() - x[:20].sum() * 2.1,
        "ratio squared": ratio**2,
        "total": x.sum(),
        "variance": x.var(ddof=1),
        "ratios": x.mean() / x[:20].mean(),
    }
    assert got.pop("none") == "undefined: division by zero, or a quotient of 2^30 or more"
    assert got == {name: pytest.approx(value, rel=2.0**-23) for name, value in expected.items()}


@pytest.mark.parametrize(
    "product",
    [
        lambda p: p.x.sum() * p.x.sum(),
        lambda p: p.x.sum() * p.count(),
        lambda p: (p[p.flag].x.sum() / p.x.sum()) * (p.x.sum() / p.count()),
    ],
)
def test_what_would_come_out_as_zero_is_refused(product):
    async def script(study):
        study.release("product", product(study.table("patients")))

    with pytest.raises(RangeError, match="too few digits"):
        dry_run(Computation(scenario_of(script), NAMES))


def test_awaited_releases_in_a_dry_run_let_the_script_go_on():
    async def script(study):
        p = study.table("patients")
        mean = await study.release("mean", p.x.mean())
        if mean > 5:
            study.release("above", p[p.x > 5].count())
        histogram = await study.release("histogram", p.x.histogram([0, 5, 10]))
        assert len(histogram["counts"]) == 2

    dry = dry_run(Computation(scenario_of(script), NAMES))
    assert dry.may_depend_on_opened
    assert dry.releases[0].name == "mean"
    assert all(line["awaited"] for line in dry.manifest())
