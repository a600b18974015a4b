"""Who takes part in a demo with which rows: the bundled files as they are, or their rows dealt to other numbers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from mpc.errors import ConfigError
from mpc.releases.scenario import Scenario
from mpc.tables.schema import Real, Table
from parties.local.demo import prepare, study_toml
from parties.local.samples import deal, samples, write
from parties.study.loader import Loaded, load
from parties.study.plan import open_study

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


def test_of_very_many_organizations_three_compute():
    demo = prepare(STATISTICS, 21, ())
    assert demo.engine == "replicated"
    assert sum("compute" in roles for roles in demo.roles.values()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, ()), "at least one brings data"),
        ((1, ()), "only organization-1 computes"),
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


# ---- files by input
TWO = '''"""two: people everywhere, and a register at one place."""
from mpc import Real, Scenario, Table


class People(Table):
    age = Real(0, 120)


class Visits(Table):
    cost = Real(0, 1000)


scenario = Scenario(inputs={"people": People.rows(), "visits": Visits.held_by("registry")})


@scenario.run
async def run(study):
    study.release("age", study.table("people").age.mean())
    study.release("cost", study.table("visits").cost.mean())


@scenario.plaintext
def plaintext(people, visits):
    return {"age": people.age.mean(), "cost": visits.cost.mean()}
'''


def two(folder: Path) -> Path:
    (folder / "two.py").write_text(TWO)
    for k, name in enumerate("abc"):
        (folder / f"{name}.csv").write_text("age\n" + "\n".join(str(20 + k + row) for row in range(30)))
    (folder / "v.csv").write_text("cost\n" + "\n".join(str(row) for row in range(40)))
    return folder / "two.py"


def test_files_of_several_inputs_go_to_their_organizations(tmp_path):
    path = two(tmp_path)
    data = [Path(f"people={tmp_path}/{name}.csv") for name in "abc"] + [Path(f"visits={tmp_path}/v.csv")]
    demo = prepare(str(path), None, data)
    first, second, third = demo.names
    assert demo.files[first] == {"people": tmp_path / "a.csv", "visits": tmp_path / "v.csv"}
    assert demo.files[third] == {"people": tmp_path / "c.csv"}
    assert demo.roles[first] == ["input", "compute", "recipient", "registry"]
    assert demo.roles[second] == ["input", "compute", "recipient"]
    study = tmp_path / "study.toml"
    study.write_text(study_toml(demo, {}))
    assert open_study(study).computation.owners == {"people": (0, 1, 2), "visits": (0,)}


def test_a_folder_of_files(tmp_path):
    """Named ORGANIZATION.INPUT.csv; the holder is who brings the table."""
    path, folder = two(tmp_path), tmp_path / "named"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.people.csv").write_text((tmp_path / f"{name}.csv").read_text())
    (folder / "z.visits.csv").write_text((tmp_path / "v.csv").read_text())
    demo = prepare(str(path), None, [folder])
    assert demo.files["b"] == {"people": folder / "b.people.csv"}
    assert demo.roles["b"] == ["input", "compute", "recipient"]
    assert demo.roles["z"] == ["compute", "recipient", "registry"]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConfigError, match=r"no files named ORGANIZATION\.people\.csv, ORGANIZATION\.visits\.csv"):
        prepare(str(path), None, [empty])


@pytest.mark.parametrize(
    ("data", "organizations", "message"),
    [
        (["a.csv"], None, r"--data .*a\.csv: say which input it is, like --data people=.*a\.csv"),
        (["people=a.csv", "people=b.csv"], None, r"visits, which the registry brings: give --data visits=FILE once"),
        (["people=a.csv", "visits=v.csv"], 3, r"three organizations need a file each: give --data people=FILE 3 times"),
        (["people=none.csv"], None, r"none\.csv: no such file"),
    ],
)
def test_files_that_do_not_fit_the_inputs(tmp_path, data, organizations, message):
    path = two(tmp_path)
    given = [Path(one.replace("=", f"={tmp_path}/") if "=" in one else f"{tmp_path}/{one}") for one in data]
    with pytest.raises(ConfigError, match=message):
        prepare(str(path), organizations, given)
