"""`comity demo`: the main job on one machine, with the bundled data and with one's own."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from parties.cli.main import main
from parties.local.oracle import expected
from parties.local.samples import samples
from parties.study.loader import load
from scenarios.hospital_statistics import MEASUREMENTS
from tests.support.marks import exhaustive
from tests.support.processes import ENVIRONMENT

pytestmark = pytest.mark.slow

SAMPLES = {name: files["patients"] for name, files in samples(load("hospital_statistics")).items()}


def demo(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """`comity demo ... --output folder/out` with a temporary directory of its own, which must be empty afterwards."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "parties.cli", "demo", *map(str, arguments), "--output", str(folder / "out")]
    environment = {**os.environ, **ENVIRONMENT, "TMPDIR": str(temporary)}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env=environment)
    assert "Traceback" not in ended.stderr
    assert nothing_left(temporary)
    return ended


def nothing_left(temporary: Path) -> bool:
    """No home, no key, and no process that was given one."""
    return not any(temporary.iterdir()) and processes(temporary) == 0


def processes(folder: Path) -> int:
    """How many processes have something in `folder` on their command line."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            found += f"\0{folder}/".encode() in path.read_bytes()
    return found


def result_of(ended: subprocess.CompletedProcess[str]) -> dict:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def frames() -> list[pd.DataFrame]:
    return [pd.read_csv(path) for path in SAMPLES.values()]


def oracle(tables: list[pd.DataFrame], **parameters: int) -> dict:
    scenario = load("hospital_statistics").scenario
    pooled = pd.concat(tables, ignore_index=True)
    pooled.attrs["rows"] = [len(table) for table in tables]  # a minimum holds without those of each, too
    wanted = expected(scenario, {"patients": pooled}, scenario.settings(parameters))
    assert wanted is not None
    return wanted


def relative(found: float, wanted: float) -> float:
    return abs(found - wanted) / abs(wanted)


def assert_close(releases: dict, wanted: dict, *, limit: float, error_limit: float) -> None:
    """The accuracy that is promised; `limit` for means, deviations and correlations."""
    assert set(releases) == set(wanted)
    assert releases["patients"] == wanted["patients"]
    for name in MEASUREMENTS:
        for what in ("mean", "sd"):
            assert relative(releases[f"{name} {what}"], wanted[f"{name} {what}"]) <= limit, (name, what)
        assert releases[f"{name} missing"] == wanted[f"{name} missing"]
        assert releases[f"{name} histogram"]["counts"] == wanted[f"{name} histogram"]["counts"]
    found = np.asarray(releases["correlation"]["values"])
    assert np.abs(found - wanted["correlation"]["values"]).max() <= limit
    fit, wanted_fit = releases["malignant by measurements"], wanted["malignant by measurements"]
    if isinstance(wanted_fit, str):
        assert fit == wanted_fit
    else:
        errors = np.asarray(wanted_fit["standard_error"])
        assert np.abs(np.asarray(fit["standard_error"]) / errors - 1).max() <= error_limit
        assert np.abs((np.asarray(fit["coefficient"]) - wanted_fit["coefficient"]) / errors).max() <= 1e-4
    table, wanted_table = releases["size by diagnosis"], wanted["size by diagnosis"]
    if isinstance(wanted_table, str):
        assert table == wanted_table
    else:
        assert table["counts"] == wanted_table["counts"]


def test_the_bundled_data(tmp_path):
    """All keys, the accuracy that is promised, and files that only their owner reads."""
    result = result_of(demo(tmp_path, "--json"))
    assert result["scenario"] == "hospital_statistics"
    assert {name: entry["rows"] for name, entry in result["organizations"].items()} == {
        name: len(frame) for name, frame in zip(SAMPLES, frames(), strict=True)
    }
    assert_close(result["releases"], oracle(frames()), limit=1e-6, error_limit=1e-5)
    assert result["oracle"]["max_relative_error"] <= 1e-5
    assert set(result["oracle"]["details"]) == set(result["releases"])
    assert result["cost"]["rounds"] > 0
    assert result["cost"]["bytes_sent"] > 0
    assert result["cost"]["seconds"] > 0
    assert set(result["phases"]) == {"start", "local", "agree", "joint"}
    files = [Path(file) for file in result["files"].values()]
    assert {file.name for file in files} == {"result.json", "report.html"}
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(files[0].read_text())["releases"] == result["releases"]


def test_for_people(tmp_path):
    """Without --json: what each brought, the result, the largest difference, cost and time; progress on stderr."""
    ended = demo(tmp_path)
    assert ended.returncode == 0, ended.stderr
    for name, frame in zip(SAMPLES, frames(), strict=True):
        assert f"{name} brings {len(frame)} rows of {name}.csv" in ended.stderr
        assert name in ended.stdout
    for words in ("radius", "largest relative difference from pooling the data in the clear", "rounds", "report.html"):
        assert words in ended.stdout


def test_registers_linked(tmp_path):
    """Three holders, each with its own table and its own way to write a key; the report has bars for groups."""
    result = result_of(demo(tmp_path, "linked_registry", "--json"))
    assert {name: entry["rows"] for name, entry in result["organizations"].items()} == {
        "hospital": 1500,
        "pharmacy": 4237,
        "register": 847,
    }
    assert result["releases"]["patients with a prescription"] == 988
    assert result["oracle"]["max_relative_error"] <= 2e-3
    assert set(result["oracle"]["details"]) == set(result["releases"])
    assert "By groups: deaths by drug and age, 9 groups" in Path(result["files"]["report"]).read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "plots", "within"),
    [
        ("ad_conversion", 1, 1e-5),
        ("fraud_overlap", 0, 1e-5),
        ("city_mobility", 2, 1e-5),
        ("hospital_survival", 2, 1e-5),
        ("clinical_trial", 10, 1e-4),
        ("adverse_drug_reactions", 7, 1e-5),
        ("pay_equity", 3, 1e-5),
        ("gene_association", 3, 1e-3),  # relative: among 200 SNPs, an effect is 1e-3 of its standard error
    ],
)
def test_other_scenarios(tmp_path, name, plots, within):
    engine = ["--engine", "replicated"] if name == "pay_equity" else []  # of eight, three compute
    result = result_of(demo(tmp_path, name, "--json", *engine))
    assert set(result["oracle"]["details"]) == set(result["releases"])
    assert result["oracle"]["max_relative_error"] <= within
    assert Path(result["files"]["report"]).read_text().count("<svg") >= plots


def test_a_folder_of_files_and_records_of_a_person_at_two_offices(tmp_path):
    """The files of --export, from a folder; only tax offices have the role `input`."""
    folder = tmp_path / "samples"
    assert demo(tmp_path, "students_and_taxes", "--export", folder, "--json").returncode == 0
    result = result_of(demo(tmp_path, "students_and_taxes", "--data", folder, "--json"))
    assert result["releases"]["students"] == 2000
    assert result["oracle"]["max_relative_error"] <= 1e-6
    assert {name: ("input" in entry["roles"]) for name, entry in result["organizations"].items()} == {
        "education": False,
        "tax-north": True,
        "tax-south": True,
    }


def test_ranges_a_hundred_times_too_wide(tmp_path):
    result = result_of(demo(tmp_path, "--json", "--widen", 100))
    assert_close(result["releases"], oracle(frames()), limit=1e-5, error_limit=1e-5)


@pytest.fixture
def exported(tmp_path) -> dict[str, Path]:
    """The sample files as `--export` writes them, to be imitated."""
    folder = tmp_path / "samples"
    ended = demo(tmp_path, "hospital_statistics", "--export", folder, "--json")
    written = [Path(file) for file in result_of(ended)["files"]]
    assert sorted(file.name for file in written) == ["county.csv", "north.csv", "patients.toml", "st-mary.csv"]
    assert "[columns.radius]" in (folder / "patients.toml").read_text()
    return {file.stem: file for file in written if file.suffix == ".csv"}


def as_data(*files: Path) -> list[object]:
    return [argument for file in files for argument in ("--data", file)]


def test_own_files_with_missing_values(tmp_path, exported):
    """CSV and Parquet; empty cells, NaN and NULL, in flags too: as if they were pooled, row by row complete."""
    tables = [pd.read_csv(file) for file in exported.values()]
    random = np.random.default_rng(5)
    for table in tables:
        for column in ("radius", "texture", "concavity", "malignant"):
            table[column] = table[column].astype(object).where(random.random(len(table)) > 0.1, None)
    tables[1].loc[:, "area"] = tables[1]["area"].where(random.random(len(tables[1])) > 0.3)
    files = [tmp_path / "a.csv", tmp_path / "b.parquet", tmp_path / "c.csv"]
    tables[0].to_csv(files[0], index=False)
    tables = [table.astype(dict.fromkeys(MEASUREMENTS, float)) for table in tables]
    tables[1].to_parquet(files[1])
    tables[2].to_csv(files[2], index=False, na_rep=" ")
    result = result_of(demo(tmp_path, "hospital_statistics", "--organizations", 3, *as_data(*files), "--json"))
    wanted = oracle(tables)
    assert wanted["area missing"] > 10
    assert_close(result["releases"], wanted, limit=1e-6, error_limit=1e-5)
    assert result["oracle"]["max_relative_error"] <= 1e-5


def test_small_groups_are_suppressed(tmp_path, exported):
    """Nine malignant ones among all: whatever would tell of them is as suppressed as in the oracle."""
    tables = [pd.read_csv(file) for file in exported.values()]
    files = []
    for index, (table, malignant) in enumerate(zip(tables, (4, 3, 2), strict=True)):
        ill = table["malignant"].astype(bool)
        tables[index] = pd.concat([table[~ill], table[ill].head(malignant)])
        files.append(tmp_path / f"{index}.csv")
        tables[index].to_csv(files[index], index=False)
    result = result_of(demo(tmp_path, *as_data(*files), "--json"))
    small = "suppressed (fewer than 10)"
    assert result["releases"]["radius, malignant against benign"] == small
    for name in ("size by diagnosis", "malignant by measurements", "malignant mean"):
        assert result["releases"][name] == small
    assert_close(result["releases"], oracle(tables), limit=1e-6, error_limit=1e-5)
    assert result["oracle"]["max_relative_error"] <= 1e-5


def broken(kind: str, good: Path, folder: Path) -> tuple[Path, list[str]]:
    """A file that does not fit, and what the message must say."""
    table = pd.read_csv(good)
    path = folder / f"{kind}.csv"
    total = f"of {len(table)} values"
    if kind == "missing_column":
        table = table.drop(columns="texture")
        says = ["column texture", "not in missing_column.csv", "expected a number in 0..60"]
    elif kind == "wrong_type":
        table["radius"] = table["radius"].astype(object)
        table.loc[[3, 5], "radius"] = "about 14.77"
        says = ["column radius", f"2 {total} are not numbers", "expected a number in 0..50 mm", "wrong_type.csv"]
    elif kind == "wrong_flag":
        table["malignant"] = table["malignant"].astype(object)
        table.loc[[3], "malignant"] = "perhaps77"
        says = ["column malignant", f"1 {total} are neither true nor false", "wrong_flag.csv"]
    elif kind == "out_of_range":
        table.loc[[1, 2, 4], "area"] = 5977.77
        says = ["column area", f"3 {total} are outside 0..5000 mm²", "out_of_range.csv"]
    else:
        path = folder / "unreadable.parquet"
        path.write_bytes(b"PAR1 this is none 77")
        return path, ["unreadable.parquet", "cannot be read as Parquet"]
    table.to_csv(path, index=False)
    return path, says


@pytest.mark.parametrize(
    "kind", ["missing_column", "out_of_range", *exhaustive("wrong_type", "wrong_flag", "unreadable")]
)
def test_a_file_that_does_not_fit(tmp_path, exported, kind):
    """Exit code 2; file, column, expected and found as counts; never a value."""
    good = list(exported.values())
    bad, says = broken(kind, good[1], tmp_path)
    ended = demo(tmp_path, *as_data(good[0], bad, good[2]), "--json")
    assert ended.returncode == 2
    assert ended.stdout == ""
    for words in says:
        assert words in ended.stderr, ended.stderr
    assert "77" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--data", "nowhere.csv", "--data", "b.csv", "--data", "c.csv"], "nowhere.csv: no such file"),
        (["--organizations", 3, "--data", SAMPLES["north"]], "give --data 3 times, found 1"),
        (["--data", SAMPLES["north"]], "only organization-1 computes"),
        (["--engine", "fast"], "'fast' is not one of 'replicated', 'shamir'"),
        (["no_such_scenario"], "no_such_scenario"),
        (["--set", "minimum_cohort=ten"], "parameter minimum_cohort: expected int"),
        (["--set", "dance=1"], "unknown parameter 'dance'"),
    ],
    ids=str,
)
def test_usage_is_explained(tmp_path, monkeypatch, arguments, says):
    """In this process, which starts none."""

    def never(*_, **__):
        raise AssertionError("started")

    monkeypatch.setattr(subprocess, "Popen", never)
    ended = CliRunner().invoke(main, ["demo", *map(str, arguments), "--output", str(tmp_path / "out")])
    assert ended.exit_code == 2, ended.output
    assert says in ended.stderr
    assert not any(tmp_path.iterdir())


def test_usage_is_explained_by_a_process(tmp_path):
    ended = demo(tmp_path, "--organizations", 5, "--threshold", 3)
    assert ended.returncode == 2
    assert "threshold 3: among 5 compute parties" in ended.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_end_it_leaves_nothing_behind(tmp_path, how):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "parties.cli", "demo", "--output", str(tmp_path / "out")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **ENVIRONMENT, "TMPDIR": str(temporary)},
    )
    try:
        deadline = time.monotonic() + 120
        while processes(temporary) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(how)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode not in (0, None)
    assert "Traceback" not in err
    deadline = time.monotonic() + 20  # the last process may still be on its way out
    while not nothing_left(temporary) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert nothing_left(temporary)


def test_a_model(tmp_path):
    """Training and measures in real processes: as good as the best model of the pooled rows, within 0.01."""
    result = result_of(demo(tmp_path, "hospital_risk_model", "--json"))
    assert result["releases"]["patients trained on"] + result["releases"]["patients tested on"] == 569
    assert 0.9 < result["releases"]["accuracy"] < result["releases"]["AUC"] < 1
    assert set(result["oracle"]["details"]) == set(result["releases"])
    assert result["oracle"]["max_relative_error"] <= 0.01
    assert "coefficients" not in result["releases"]


@pytest.mark.parametrize(
    ("count", "options", "engine"),
    [
        pytest.param(3, ["--engine", "shamir"], "two of county, north and st-mary", marks=pytest.mark.exhaustive),
        pytest.param(4, [], "two of organization-1, ", marks=pytest.mark.exhaustive),
        pytest.param(5, ["--engine", "shamir"], "three of organization-1, ", marks=pytest.mark.exhaustive),
        pytest.param(5, ["--threshold", 1], "two of organization-1, ", marks=pytest.mark.exhaustive),
        pytest.param(7, ["--engine", "shamir"], "four of organization-1, ", marks=pytest.mark.exhaustive),
        (7, ["--engine", "replicated"], "two of organization-1, organization-2 and organization-3 put"),
    ],
)
@pytest.mark.timeout(300)
def test_any_number_of_organizations(tmp_path, count, options, engine):
    """The same rows, in other hands: the same result, within what is promised."""
    result = result_of(demo(tmp_path, "hospital_statistics", "--organizations", count, *options, "--json"))
    assert len(result["organizations"]) == count
    assert sum(entry["rows"] for entry in result["organizations"].values()) == 569
    assert result["model"].startswith(f"Nobody learns anything else unless {engine}")
    assert_close(result["releases"], oracle(frames()), limit=1e-6, error_limit=1e-5)
    assert result["oracle"]["max_relative_error"] <= 1e-5


SCRIPT = '''"""Two releases, each to another recipient; an oracle that may be wrong.

Brings    every organization: its people
Learns    every recipient: the releases
Trust     no more compute parties than the threshold put their shares together
"""
from mpc import Flag, Real, Scenario, Table

class People(Table):
    age = Real(0, 120)
    smoker = Flag()

scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 5})

@scenario.run
async def run(study):
    people = study.table("people")
    study.release("mean age", people.age.mean(), to=["organization-1"])
    study.release("smokers", people.age[people.smoker].count(), to=["organization-2"])

@scenario.plaintext
def plaintext(people):
    return {"mean age": people.age.mean(), "smokers": ORACLE}
'''


@pytest.mark.parametrize(
    ("oracle", "code", "said"),
    [
        ("int(people.smoker.sum())", 0, ""),
        ("people.smoker.sum() * 1.001", 1, "smokers: 1.0 × 10⁻³"),
        (
            "people.smooker.sum()",
            1,
            "AttributeError: 'DataFrame' object has no attribute 'smooker' (script.py line 23)",
        ),
    ],
)
def test_a_release_beyond_the_oracles_tolerance_is_named_and_the_demo_fails(tmp_path, oracle, code, said):
    (tmp_path / "script.py").write_text(SCRIPT.replace("ORACLE", oracle), encoding="utf-8")
    (tmp_path / "rows.csv").write_text("age,smoker\n" + "".join(f"{i},{i % 2}\n" for i in range(40)))
    ended = demo(tmp_path, tmp_path / "script.py", *["--data", tmp_path / "rows.csv"] * 3)
    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr
    assert "mean age: " not in ended.stderr
    assert "19.500" in ended.stdout
    content = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert content["releases"] == {"mean age": pytest.approx(19.5), "smokers": 60}
    assert content["kinds"] == {"mean age": "number", "smokers": "number"}
