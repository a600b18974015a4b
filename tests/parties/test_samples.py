"""Who takes part in a demo with which rows: the bundled files as they are, or their rows dealt to other numbers."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest

from mpc.errors import ConfigError
from mpc.scenario import Scenario
from mpc.schema import Real, Table
from parties.demo import prepare, study_toml
from parties.loader import Loaded, load
from parties.samples import deal, samples, write

STATISTICS = "hospital_statistics"


def rows(files):
    return Counter(line for path in files for line in path.read_text().splitlines()[1:])


@pytest.fixture(scope="module")
def bundled():
    return [files["patients"] for files in samples(load(STATISTICS)).values()]


def test_three_organizations_have_the_files_as_they_are(bundled):
    demo = prepare(STATISTICS, None, ())
    assert demo.names == ["county", "north", "st-mary"]
    assert [files["patients"] for files in demo.files.values()] == bundled
    assert not demo.dealt
    assert (demo.engine, demo.threshold) == ("replicated", 1)
    assert prepare(STATISTICS, 3, (), "shamir").engine == "shamir"


@pytest.mark.parametrize("count", [2, 5, 12])
def test_every_row_goes_to_one_organization(tmp_path, bundled, count):
    demo = prepare(STATISTICS, count, ())
    files = write(demo.dealt, tmp_path / "dealt")
    assert len(files) == count
    assert rows(path for own in files.values() for path in own.values()) == rows(bundled)
    sizes = [len(pd.read_csv(own["patients"])) for own in files.values()]
    assert max(sizes) - min(sizes) <= 1
    assert deal(demo.loaded, list(files)) == demo.dealt  # the same every time
    assert demo.names == sorted(demo.names, key=lambda name: (name != "helper", name)) or count == 2
    one = pd.read_csv(files[next(iter(files))]["patients"])
    assert list(one.columns) == list(pd.read_csv(bundled[0]).columns)


@pytest.mark.parametrize(
    ("count", "engine", "threshold", "found"),
    [
        (2, None, None, ("replicated", 1, 3)),
        (4, None, None, ("shamir", 1, 4)),
        (5, None, None, ("shamir", 2, 5)),
        (5, "shamir", 1, ("shamir", 1, 5)),
        (7, None, 2, ("shamir", 2, 7)),
        (7, "replicated", None, ("replicated", 1, 3)),
    ],
)
def test_engine_threshold_and_who_computes(count, engine, threshold, found):
    demo = prepare(STATISTICS, count, (), engine, threshold)
    compute = [name for name, roles in demo.roles.items() if "compute" in roles]
    assert (demo.engine, demo.threshold, len(compute)) == found
    text = study_toml(demo, {})
    assert f'engine = "{demo.engine}"\nthreshold = {demo.threshold}\n' in text
    assert text.count('"compute"') == len(compute)
    assert text.count('patients = "patients"') == count


def test_two_organizations_are_joined_by_a_helper():
    demo = prepare(STATISTICS, 2, ())
    assert demo.roles["helper"] == ["compute"]
    assert '[organizations."helper"]\nroles = ["compute"]\n\n' in study_toml(demo, {}) + "\n"


def test_as_many_as_there_are_files(bundled):
    demo = prepare(STATISTICS, None, [bundled[0]] * 4)
    assert demo.names == ["organization-1", "organization-2", "organization-3", "organization-4"]
    assert demo.engine == "shamir"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, ()), "at least one brings data"),
        ((1, ()), "only organization-1 computes"),
        ((21, ()), "takes 3 to 20 compute parties, not 21"),
        ((5, (), None, 3), "threshold 3: among 5 compute parties"),
        ((3, (), None, 2), "its threshold is 1"),
        ((600, (), "replicated"), "569 rows of sample data, too few for 600"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        prepare(STATISTICS, *arguments)


def test_a_scenario_without_samples(tmp_path):
    class Rows(Table):
        x = Real(0, 1)

    loaded = Loaded("none", tmp_path, Scenario(inputs={"rows": Rows.rows()}), {}, "")
    with pytest.raises(ConfigError, match="no sample data for 4 organizations: give --data"):
        deal(loaded, ["a", "b", "c", "d"])
