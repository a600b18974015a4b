"""What a dry run says beforehand, and what a run then sends: for every scenario that comes with Comity."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mpc.machine.forecast import forecast
from mpc.machine.network import NETWORKS, Network
from parties.local.samples import samples
from parties.study.loader import available, load
from protocols.simulate import Computation, dry_run, simulate

#: They wait for releases and go on with the numbers, which the later labels cover: who sends is drawn from labels.
WAITING = {"adverse_drug_reactions", "clinical_trial"}
#: Comparisons in fewer rounds save none here.
FEW_COMPARISONS = {"assistant_habits", "city_mobility"}


#: Of many organizations, or with many models.
LONG = {"pay_equity", "clinical_trial"}


def marks(name, network):
    long, far = name in LONG, network is not None
    return [pytest.mark.slow] * (long or far) + [pytest.mark.exhaustive] * (long and far)


@pytest.mark.parametrize(
    ("name", "network"),
    [pytest.param(name, far, marks=marks(name, far)) for name in available() for far in (None, "wan")],
)
def test_rounds_and_bytes_are_known_exactly_beforehand(name, network):
    loaded = load(name)
    known = NETWORKS[network] if network else None
    tables = {
        organization: {table: pd.read_csv(path) for table, path in files.items()}
        for organization, files in samples(loaded).items()
    }
    if len(tables) == 2:
        tables["helper"] = {}
    owners = {
        name: [i for i, who in enumerate(sorted(tables)) if name in tables[who]] for name in loaded.scenario.inputs
    }
    many = len(tables) > 3  # three of them compute
    names, inside = sorted(tables), 3 if many else len(tables)
    compute = names[:3] if many else None
    planned = dry_run(Computation(loaded.scenario, names, compute=inside, owners=owners, network=known))
    run = simulate(loaded.scenario, tables, compute=compute, network=known)
    if name in WAITING:
        assert run.cost.rounds == planned.rounds
        assert sum(run.network.bytes_sent) == sum(planned.cost.bytes_sent)
    else:
        assert run.cost == planned.cost
        assert tuple(run.network.bytes_sent) == planned.cost.bytes_sent
    assert len(run.network.messages) == sum(planned.cost.messages)
    if known:
        near = dry_run(Computation(loaded.scenario, names, compute=inside, owners=owners))
        if name in FEW_COMPARISONS:
            assert planned.rounds == near.rounds
        else:
            assert planned.rounds < near.rounds
        assert sum(planned.bytes_sent) >= sum(near.bytes_sent)


DOCUMENT = Path(__file__).parents[2] / "docs" / "choosing-an-engine.md"
NEAR = Network(0.002, 1e9)


#: One row of each of very many organizations: a few organizations bring too few rows for any release.
OF_MANY = {"assistant_habits"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.exhaustive] * (n in LONG)) for n in available() if n not in OF_MANY]
)
def test_what_the_choice_of_an_engine_costs(name):
    """docs/choosing-an-engine.md: rounds, MB and seconds of every column, as a plan says."""
    (row,) = [line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| `{name}`")]
    _, _, replicated, shamir, *_ = row.split("|")
    told = [("replicated", 3, 1, replicated.strip())]
    for part in shamir.split("<br>"):
        setting, costs = part.split(":")
        n, t = (int(word.split("=")[1]) for word in setting.split(","))
        told.append(("shamir", n, t, costs.strip()))
    assert len(told) == 5
    for engine, n, t, costs in told:
        organizations = [f"organization-{i}" for i in range(n)]
        planned = dry_run(Computation(load(name).scenario, organizations, engine=engine, threshold=t, network=NEAR))
        seconds = forecast(planned.trace, NEAR).seconds
        sent = sum(planned.bytes_sent) / n / 1e6  # which party sends how much goes with labels
        rounds, told_bytes, told_seconds = costs.split(", ")
        assert rounds == f"{planned.rounds} rounds", (engine, n, t)
        # The sum of all parties goes with labels, too, in which the line numbers of Comity's own functions are.
        assert float(told_bytes.removesuffix(" MB")) == pytest.approx(sent, abs=0.02), (engine, n, t)
        assert float(told_seconds.removesuffix(" s")) == pytest.approx(seconds, abs=0.1), (engine, n, t)
