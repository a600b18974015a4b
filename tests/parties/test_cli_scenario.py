"""`scenario` and `plan`: what can be run, a first scenario of one's own, and what a study would do."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from math import ceil, log2

import pytest
from click.testing import CliRunner

from parties.cli.main import main
from parties.study.loader import available


def comity(*args, code=0):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def skeleton(tmp_path):
    comity("scenario", "new", "my_study", "--into", tmp_path)
    return tmp_path / "my_study.py"


STUDY = """
scenario = "my_study.py"
purpose = "A first try"
[organizations.north]
roles = ["input", "compute"]
people = "n"
[organizations.st-mary]
roles = ["input", "compute", "recipient"]
people = "s"
[organizations.county]
roles = ["input", "compute", "recipient"]
people = "c"
"""


def test_list_names_what_comes_with_comity():
    listed = json.loads(comity("scenario", "list", "--json").stdout)["scenarios"]
    assert [entry["name"] for entry in listed] == list(available())
    text = comity("scenario", "list").stdout
    assert all(entry["about"] in text for entry in listed)


def test_show_says_what_a_scenario_asks_for_and_warns(skeleton):
    text = comity("scenario", "show", skeleton).stdout
    for part in ("Brings", "a number in 0..120 years", "true or false", "minimum_cohort", str(skeleton)):
        assert part in text
    assert "A scenario runs with your party's rights; read it." in text
    found = json.loads(comity("scenario", "show", skeleton, "--json").stdout)
    assert found["inputs"]["people"]["columns"]["age"]["unit"] == "years"
    assert found["parameters"] == {"minimum_cohort": 10}


def test_new_writes_a_short_scenario_whose_test_passes(skeleton, monkeypatch):
    test = skeleton.with_name("test_my_study.py")
    assert len((skeleton.read_text() + test.read_text()).splitlines()) <= 40
    monkeypatch.syspath_prepend(skeleton.parent)
    written = runpy.run_path(str(test))
    del sys.modules["my_study"]  # the next one has the same name
    (name,) = [name for name in written if name.startswith("test_")]
    written[name]()


@pytest.mark.slow
def test_pytest_finds_the_new_scenarios_test(skeleton):
    test = skeleton.with_name("test_my_study.py")
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test.name]
    result = subprocess.run(run, cwd=test.parent, capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout


def test_new_overwrites_nothing_and_wants_a_plain_name(skeleton):
    assert "exists already" in comity("scenario", "new", "my_study", "--into", skeleton.parent, code=2).stderr
    assert "cannot name a scenario" in comity("scenario", "new", "my-study", code=2).stderr


def test_plan_says_who_learns_what_who_must_not_collude_and_what_it_costs(skeleton):
    study = skeleton.with_name("study.toml")
    study.write_text(STUDY)
    text = comity("plan", study, "--rtt", "30ms", "--bandwidth", "200M").stdout
    assert "county and st-mary learn 3 releases:" in text
    assert "3 releases, each held back where fewer than 10 rows stand behind it, or fewer than 10 without" in text
    for name in ("people", "mean age", "share of smokers"):
        assert re.search(rf"^ +{name} .*\(my_study\.py:\d+\)$", text, re.M), text
    assert "Nobody learns anything else unless two of county, north and st-mary put their shares together." in text
    assert "Engine replicated, threshold 1: three compute parties, among which it is the fastest." in text
    assert "helper" not in text
    assert "rounds" in text
    assert "read it" in text
    assert "needs 10 or more rows of people with smoker" in comity("plan", study, "--all").stdout
    found = json.loads(comity("plan", study, "--json").stdout)
    assert [entry["name"] for entry in found["releases"]] == ["people", "mean age", "share of smokers"]
    assert found["collusion"] == {"of": ["county", "north", "st-mary"], "needed": 2}
    assert (found["engine"], found["threshold"], found["helpers"]) == ("replicated", 1, [])
    assert found["rounds"] > 0
    assert len(found["bytes_sent"]) == 3
    slow = json.loads(comity("plan", study, "--json", "--rtt", "1s").stdout)["seconds"]
    assert slow > 10 * found["seconds"]


@pytest.mark.slow
def test_plan_predicts_time_and_says_how_comparisons_are_made(tmp_path):
    study = tmp_path / "study.toml"
    hospitals = STUDY.replace("my_study.py", "hospital_statistics").replace("people", "patients")
    study.write_text(hospitals)
    near = json.loads(comity("plan", study, "--json", "--rtt", "1ms", "--bandwidth", "10G").stdout)
    far = json.loads(comity("plan", study, "--json", "--rtt", "400ms", "--bandwidth", "10G").stdout)
    assert near["rounds"] == far["rounds"]  # what will run does not depend on options
    assert far["predicted"]["network_seconds"] == pytest.approx(0.2 * far["rounds"], rel=1e-3)
    for found in (near, far):
        predicted = found["predicted"]
        assert max(predicted["network_seconds"], predicted["compute_seconds"]) <= predicted["seconds"]
        assert predicted["seconds"] <= predicted["network_seconds"] + predicted["compute_seconds"] + 1e-9
        assert found["seconds"] > predicted["seconds"]
    assert "The study names no network" in comity("plan", study, "--rtt", "400ms").stdout
    assert "no network" not in comity("plan", study, "--rtt", "1us", "--bandwidth", "1G").stdout

    study.write_text(hospitals + '[network]\nrtt = "400ms"\nbandwidth = "10G"\n')
    named = json.loads(comity("plan", study, "--json").stdout)
    assert named["rounds"] < far["rounds"]
    assert named["predicted"]["seconds"] < far["predicted"]["seconds"]
    assert json.loads(comity("plan", study, "--json", "--rtt", "1ms").stdout)["rounds"] == named["rounds"]
    text = comity("plan", study).stdout
    assert "at 400 ms and 10000 Mbit/s" in text
    assert "comparisons in fewer rounds and more bytes, where that is quicker." in text
    study.write_text(hospitals + '[network]\nrtt = "1us"\nbandwidth = "1M"\n')
    assert "comparisons in few bytes; fewer rounds would not be quicker." in comity("plan", study).stdout


@pytest.mark.parametrize("option", [("--rtt", "30"), ("--rtt", "0ms"), ("--bandwidth", "fast")])
def test_plan_wants_units(skeleton, option):
    assert "write it like" in comity("plan", skeleton, *option, code=2).stderr


def test_plan_says_what_each_pair_would_learn_where_a_helper_computes(skeleton):
    study = skeleton.with_name("study.toml")
    study.write_text(STUDY.replace('["input", "compute"]\npeople = "n"', '["compute"]'))
    text = comity("plan", study).stdout
    for line in (
        "Nobody learns anything else unless two of county, north and st-mary put their shares together.",
        "north is a helper: it brings no data and learns nothing.",
        "county and north together would learn all that st-mary shares.",
        "county and st-mary together would learn all that the other one shares.",
        "north and st-mary together would learn all that county shares.",
    ):
        assert line in text
    found = json.loads(comity("plan", study, "--json").stdout)
    assert "Given AES-128, compute parties see uniform numbers on the way: nothing is hidden only stat" in text
    assert found["statistical_distance"] == 0.0
    assert found["helpers"] == ["north"]
    assert {"of": ["county", "north"], "opens": ["st-mary"]} in found["collusion"]["coalitions"]


def test_plan_says_how_often_contributions_may_be_used(skeleton):
    study = skeleton.with_name("study.toml")
    outside = '[organizations.clinic]\nroles = ["input"]\npeople = "p"\n'
    study.write_text(STUDY + outside)
    assert "is used for one run, and is deleted before the run opens anything" in comity("plan", study).stdout
    assert json.loads(comity("plan", study, "--json").stdout)["keep_contributions"] is False
    study.write_text("keep_contributions = true\n" + STUDY + outside)
    assert "may use them in every further run" in comity("plan", study).stdout
    assert json.loads(comity("plan", study, "--json").stdout)["keep_contributions"] is True
    study.write_text("keep_contributions = 1\n" + STUDY + outside)
    assert "keep_contributions" in comity("plan", study, code=2).stderr


def test_plan_of_five_says_which_engine_and_how_many_must_not_collude(skeleton):
    study = skeleton.with_name("study.toml")
    more = [f'[organizations.{name}]\nroles = ["input", "compute"]\npeople = "p"\n' for name in ("lake", "south")]
    study.write_text(STUDY + "".join(more))
    text = comity("plan", study).stdout
    reason = "five compute parties (replicated, the faster one, takes exactly three)"
    assert f"Engine shamir, threshold 2: {reason}." in text
    names = "county, lake, north, south and st-mary"
    assert f"Nobody learns anything else unless three of {names} put their shares together." in text
    found = json.loads(comity("plan", study, "--json").stdout)
    assert (found["engine"], found["threshold"], found["why"]) == ("shamir", 2, reason)
    assert found["collusion"] == {"of": ["county", "lake", "north", "south", "st-mary"], "needed": 3}
    assert len(found["bytes_sent"]) == 5
    assert 0 < found["statistical_distance"] < 2.0**-40
    most = ceil(log2(found["statistical_distance"]))
    assert f"uniform numbers on the way, but for a statistical distance of 2^{most}." in text
    study.write_text("threshold = 1\n" + STUDY + "".join(more))
    assert "; a threshold up to 2 would be possible." in comity("plan", study).stdout
    less = json.loads(comity("plan", study, "--json").stdout)
    assert less["collusion"]["needed"] == 2
    assert sum(less["bytes_sent"]) < sum(found["bytes_sent"])
    study.write_text('network = { name = "wan" }\n' + STUDY + "".join(more))
    assert "at 40 ms and 100 Mbit/s, after the local part" in comity("plan", study).stdout
    assert "comparisons" not in comity("plan", study).stdout  # there is no choice of them
