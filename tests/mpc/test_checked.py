"""What was checked when a script released it is what comes out, whatever the script does to it afterwards."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from mpc import Flag, Real, Scenario, Study, Table, stack
from mpc.releases.manifest import Entry
from protocols.simulate import simulate


class People(Table):
    age = Real(0, 120)
    ill = Flag()


ROWS = [
    {"age": np.arange(20) * 3.0 + 20 + owner, "ill": (np.arange(20) < (owner < 2)).astype(float)} for owner in range(3)
]
SMALL = "suppressed (fewer than 10)"


def released(script):
    """Releases of `script(study, rows)`; it may hold only what a script has in its hands."""
    scenario = Scenario(inputs={"rows": People.rows()}, parameters={"minimum_cohort": 10})

    @scenario.run
    async def run(study: Study) -> None:
        script(study, study.table("rows"))

    return simulate(scenario, {f"owner{i}": {"rows": own} for i, own in enumerate(ROWS)}, engine="ideal").releases


@pytest.mark.parametrize("name", list(Entry.__dataclass_fields__))
def test_the_line_of_a_release_does_not_change(name):
    def script(study, rows):
        release = study.release("mean", rows[rows.ill].age.mean())
        with pytest.raises(FrozenInstanceError):
            setattr(release.entry, name, 1)
        with pytest.raises(TypeError):
            release.entry.recipients[0] = "somebody"

    assert released(script) == {"mean": SMALL}


def test_lists_arrays_and_labels_are_taken_as_they_were():
    def script(study, rows):
        values, public, labels = [rows.age.mean()], np.array([1, 2]), ["age", "ill"]
        study.release("list", values)
        study.release("public", public)
        study.release("labels", stack([rows.age.mean(), rows.ill.mean() * 0]), labels=labels)
        values[0], public[0], labels[0] = rows[rows.ill].age.mean(), 99, "another"

    found = released(script)
    assert found["list"] == [pytest.approx(49.5)]
    assert found["public"] == [1, 2]
    assert found["labels"]["labels"] == ["age", "ill"]


def test_parts_and_guards_of_a_result_are_taken_as_they_were():
    def script(study, rows):
        counts = rows.group_by("ill").count()
        release = study.release("counts", counts)
        for mapping in (counts.parts, counts.guard.cohorts):
            for key in list(mapping):
                with pytest.raises(TypeError):
                    mapping[key] = rows.share(rows=20)["age"][:2]
            with pytest.raises(AttributeError):
                mapping.clear()
        release.cohorts().clear()
        release.guards().clear()

    assert released(script) == {"counts": {"labels": ["no", "yes"], "values": [SMALL, SMALL]}}
