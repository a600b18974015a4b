"""Values leave a run by releases alone, and a script cannot tell what kind of run it is in."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mpc import Real, Scenario, Study, Table
from mpc.errors import PolicyError, ShapeError
from mpc.machine.opening import OPENING
from mpc.machine.runtime import Runtime
from parties.study.lint_names import INTERNAL
from protocols import order
from protocols.simulate import Computation, dry_run, simulate
from tests.support.engines import ENGINES

ROOT = Path(__file__).parents[2]
#: Who opens: releases, checks of contributions, products of orders; and measurements and simulations, without data of
#: organizations.
MAY_OPEN = {
    "mpc/releases/disclosure.py",
    "mpc/machine/opening.py",
    "mpc/machine/relations.py",
    "mpc/machine/scheduling.py",
    "protocols/order.py",
    "protocols/simulate.py",
    "parties/bench/calibrate.py",
    "parties/bench/workloads/base.py",
    "parties/bench/workloads/exchange.py",
}


class People(Table):
    income = Real(0, 1e6)


def tables():
    frame = pd.DataFrame({"income": np.arange(5) * 1000.0 + 77})
    return {f"owner{i}": {"people": frame} for i in range(3)}


def scenario_of(script):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 3})

    @scenario.run
    async def run(study):
        people = study.table("people")
        x = people.share(rows=5)["income"]
        study.release("people", people.count())
        await script(study, x)

    return scenario


async def by_schedule(study, x):
    opened = x.run.schedule("open", x.handle, to=(0, 1, 2))
    await x.run.settle(opened)


async def by_parts(study, x):
    x.run.schedule("hand_out", x.handle)


async def by_an_order(study, x):
    x.run.schedule("order_of", x.handle)


async def with_a_permit_of_its_own(study, x):
    x.run.schedule("open", x.handle, to=(0, 1, 2), permit=object())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "script", [by_schedule, by_parts, by_an_order, with_a_permit_of_its_own], ids=lambda script: script.__name__
)
def test_an_opening_without_a_release_is_refused(script, engine):
    with pytest.raises(PolicyError, match="values leave a run by"):
        dry_run(Computation(scenario_of(script), ["a", "b", "c"], engine=engine))
    with pytest.raises(PolicyError, match="values leave a run by"):
        simulate(scenario_of(script), tables(), engine=engine)


class Disguised(order.Ordering):
    """An order whose places are somebody's incomes."""

    def __init__(self, x):
        super().__init__(x.run, order.order_by(x).handle)
        self.x = x

    def ranks(self):
        return self.x

    def undo(self, x):
        return self.x


@pytest.mark.parametrize("turn", [lambda x, d: order.order_by(x).then(d), lambda x, d: d.then(order.order_by(x))])
def test_products_of_orders_take_orders_alone(turn):
    async def script(study, x):
        turn(x, Disguised(x))

    with pytest.raises(ShapeError, match="expected another order of 15 rows"):
        simulate(scenario_of(script), tables())


def test_orders_are_made_of_numbers_by_no_public_name():
    assert not hasattr(order, "order_of")
    assert "order_of" not in order.__all__


def test_a_script_has_no_way_to_its_run():
    names = {name for name in dir(Study) if not name.startswith("_")}
    for name in names:
        value = getattr(Study, name)
        assert not isinstance(value, Runtime)

    async def script(study, x):
        public = [getattr(study, name) for name in dir(study) if not name.startswith("_")]
        assert not any(isinstance(value, Runtime) for value in public)
        with pytest.raises(AttributeError):
            _ = study.run

    simulate(scenario_of(script), tables(), engine="ideal")
    dry_run(Computation(scenario_of(script), ["a", "b", "c"]))


def test_who_opens():
    """Whoever imports `mpc.machine.opening`, or schedules one of its primitives, is on the list above."""
    found = set()
    for package in ("mpc", "protocols", "parties", "scenarios"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                imported = isinstance(node, ast.ImportFrom) and (
                    node.module == "mpc.machine.opening"
                    or (node.module == "mpc" and any(alias.name == "opening" for alias in node.names))
                )
                called = (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr == "schedule"
                    and bool(node.args)
                    and isinstance(node.args[0], ast.Constant)
                    and node.args[0].value in OPENING
                )
                if imported or called:
                    found.add(path.relative_to(ROOT).as_posix())
    assert found <= MAY_OPEN


def public_state(value, seen, path="study"):
    """What public names tell of an object: path -> a plain value, or the type of what is no object of ours."""
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return {path: value}
    if isinstance(value, np.ndarray | np.generic):
        return {path: (str(value.dtype), value.shape)}
    if id(value) in seen or path.count(".") + path.count("[") > 4 or callable(value):
        return {path: type(value).__name__}
    seen[id(value)] = value  # kept, so that no other object takes its address
    found = {path: (type(value).__name__, "" if isinstance(value, dict | list | tuple) else repr(value))}
    if isinstance(value, dict):
        parts = [(f"{path}[{key!r}]", part) for key, part in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(f"{path}[{i}]", part) for i, part in enumerate(value)]
    elif type(value).__module__.split(".")[0] in ("mpc", "protocols", "types"):
        parts = []
        for name in sorted(name for name in dir(value) if not name.startswith("_") and name not in INTERNAL | {"run"}):
            try:
                parts.append((f"{path}.{name}", getattr(value, name)))
            except Exception as error:
                found[f"{path}.{name}"] = (type(error).__name__, str(error))
    else:
        parts = []
    for inner, part in parts:
        found |= public_state(part, seen, inner)
    return found


@pytest.mark.parametrize("engine", ["replicated", "shamir"])
def test_no_public_name_tells_a_dry_run(engine):
    """All that a script that passes the lint can read of its study, before and after it waited, in each kind of run."""
    states = []

    async def script(study, x):
        people = study.table("people")
        mean, rows = people.income.mean(), people.share(rows=5)
        pending = study.release("mean", mean)
        about = {"study": study, "x": x, "people": people, "where": people[people.income > 5], "mean": mean}
        about |= {"column": people.income, "rows": rows, "release": pending, "order": order.order_by(x)}
        mine = [public_state(about, {})]
        states.append(mine)
        seen = await study.release("count", people.count())
        about |= {"type of what was opened": type(seen).__name__, "after": study.release("more", people.income.sum())}
        mine.append(public_state(about, {}))

    simulate(scenario_of(script), tables(), engine=engine)  # the first time dry
    dry, *real = states
    assert len(real) == 3
    for before_and_after in real:
        for known, found in zip(dry, before_and_after, strict=True):
            assert len(known) > 100
            differing = {k: (known.get(k), found.get(k)) for k in known | found if known.get(k) != found.get(k)}
            assert not differing, "\n".join(f"{k}: {v}" for k, v in differing.items())
