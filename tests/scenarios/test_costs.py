"""What a dry run says beforehand, and what a run then sends: for every scenario that comes with Comity."""

from __future__ import annotations

import pandas as pd
import pytest

from mpc.network import NETWORKS
from parties.loader import available, load
from parties.samples import samples
from protocols.simulate import dry_run, simulate


@pytest.mark.parametrize("network", [None, "wan"])
@pytest.mark.parametrize("name", available())
def test_rounds_and_bytes_are_known_exactly_beforehand(name, network):
    loaded = load(name)
    known = NETWORKS[network] if network else None
    tables = {
        organization: {table: pd.read_csv(path) for table, path in files.items()}
        for organization, files in samples(loaded).items()
    }
    planned = dry_run(loaded.scenario, organizations=sorted(tables), network=known)
    run = simulate(loaded.scenario, tables, network=known)
    assert run.cost == planned.cost
    assert tuple(run.network.bytes_sent) == planned.cost.bytes_sent
    assert len(run.network.messages) == sum(planned.cost.messages)
    if known:
        near = dry_run(loaded.scenario, organizations=sorted(tables))
        assert planned.rounds < near.rounds
        assert sum(planned.bytes_sent) > sum(near.bytes_sent)
