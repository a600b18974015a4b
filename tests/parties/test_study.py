"""Studies: what a file may say, what is agreed, and how two studies differ, in words."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import date

import pytest

from mpc.errors import ConfigError
from mpc.machine.network import Network
from mpc.releases.scenario import Scenario
from mpc.tables.schema import Category, Real, Table
from parties.cli.plan import when_valid
from parties.study.difference import difference
from parties.study.document import agreed_document, canonical, study_hash, study_words
from parties.study.loader import Loaded
from parties.study.plan import bind, make_study, open_study, read_study
from parties.text.visible import clean

STUDY = """
scenario = "ages.py"
purpose  = "Baseline of the registry, 2026"
engine   = "replicated"
valid_until = 2026-12-31

[parameters]
minimum_cohort = 10

[organizations.st-mary]
roles = ["input", "compute", "recipient"]
patients = "oncology.patients"
[organizations.county]
roles = ["recipient", "input", "compute"]
patients = "tumour_register"
[organizations.north]
roles = ["input", "compute"]
patients = "patients_2026"

[ranges.patients]
age = [0, 130.5]
"""

SOURCE = '''"""Ages."""
from mpc.tables.schema import Category, Real, Table
from mpc.releases.scenario import Scenario


class Patients(Table):
    age = Real(0, 120, unit="years")
    sex = Category("f", "m")


scenario = Scenario(inputs={"patients": Patients.rows()}, parameters={"minimum_cohort": 10, "rate": 0.5})


@scenario.run
async def run(study):
    patients = study.table("patients")
    study.release("age mean", patients.age.mean())
'''

KEYS = {name: bytes([i]) * 32 for i, name in enumerate(("county", "north", "st-mary"))}
MANIFEST = [{"name": "age mean", "kind": "number", "recipients": ["county", "st-mary"], "minimum": 10}]


@pytest.fixture
def study(tmp_path):
    return open_study(files(tmp_path))


def files(folder, text=STUDY, source=SOURCE):
    (folder / "ages.py").write_text(source)
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"


def document(study, **others):
    return agreed_document(study, **{"keys": KEYS, "manifest": MANIFEST, "protocol": 1} | others)


def test_a_study_gives_all_that_a_run_is_assembled_from(study):
    plan = study.plan
    assert plan.participants == ("county", "north", "st-mary")
    assert plan.recipients == ("county", "st-mary")
    assert plan.index("st-mary") == 2
    assert plan.threshold == 1
    assert plan.organizations[2].datasets == {"patients": "oncology.patients"}
    assert study.computation.settings().minimum_cohort == 10
    assert study.computation.settings().rate == 0.5
    assert study.computation.schemas["patients"]["age"].high == 130.5
    assert study.computation.owners == {"patients": (0, 1, 2)}
    assert study.computation.at_most == {"patients": 1 << 26}
    plan.check_date(date(2026, 12, 31))
    with pytest.raises(ConfigError, match="valid_until was 2026-12-31"):
        plan.check_date(date(2027, 1, 1))


def test_a_minimum_that_cannot_be_is_the_studys_mistake(tmp_path):
    place = files(tmp_path, STUDY.replace("minimum_cohort = 10", "minimum_cohort = 0"))
    with pytest.raises(ConfigError, match="minimum_cohort: 0; a minimum is 1 row or more") as caught:
        open_study(place)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("today", "says"),
    [
        (date(2026, 6, 1), ["Valid from 2026-01-01 until 2026-12-31."]),
        (date(2027, 6, 1), ["Valid from 2026-01-01 until 2026-12-31: that is over, and `comity run` refuses it."]),
        (date(2025, 6, 1), ["Valid from 2026-01-01 until 2026-12-31: `comity run` refuses it before."]),
    ],
)
def test_a_plan_says_when_a_study_is_valid(study, today, says):
    plan = replace(study.plan, valid_from=date(2026, 1, 1), valid_until=date(2026, 12, 31))
    assert when_valid(plan, today) == says
    assert when_valid(replace(plan, valid_from=None, valid_until=None), today) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('scenario = "ages.py"', "", "scenario: is missing; write  scenario = "),
        ("purpose  =", "reason =", "purpose: is missing; write  purpose = "),
        ('engine   = "replicated"', 'engine = "fast"', "engine: no engine 'fast'; there is replicated, shamir"),
        ('engine   = "replicated"', 'threshold = "1"', "threshold: must be a whole number"),
        ('engine   = "replicated"', "threshold = 2", "threshold 2: .* its threshold is 1"),
        ('engine   = "replicated"', 'engine = "shamir"\nthreshold = 2', "threshold 2: among 3 compute parties it is 1"),
        ('engine   = "replicated"', 'engin = "x"', "engin: no such key; did you mean .engine"),
        ("[organizations.st-mary]", "[organisations.st-mary]", "no such key; did you mean .organizations"),
        ("purpose  = ", "purpose  = x ", "put text in quotes"),
        ('roles = ["input", "compute"]', "", r"organizations\.north\.roles: is missing; write  roles = "),
        ('roles = ["input", "compute"]', 'roles = ["input", "input"]', "names a role twice"),
        ('roles = ["input", "compute"]', 'roles = ["input", "computes"]', "role .computes.; did you mean .compute"),
        ('roles = ["input", "compute"]', 'roles = ["input"]', "two parties have no honest majority\nAt least"),
        ('roles = ["input", "compute"]', 'roles = ["compute", "boss", "input"]', "'boss' is not a role of this study"),
        ('roles = ["input", "compute"]', 'roles = ["compute"]', 'its roles do not include "input"'),
        ('patients = "patients_2026"', "", r"\[organizations\.north\] brings data but no patients"),
        ('patients = "patients_2026"', "patients = 7", r"north\.patients: must be text in quotes"),
        ('patients = "patients_2026"', 'patient = "x"', "no such input; it asks for patients"),
        ("[organizations.north]", "[organizations.North]", "cannot name an organization"),
        ('"recipient"', '"input"', "names a role twice"),
        ("minimum_cohort = 10", "minimum = 10", "unknown parameter 'minimum'"),
        ("minimum_cohort = 10", 'minimum_cohort = "10"', "expected int, found str"),
        ("age = [0, 130.5]", "age = [9, 3]", "low below high"),
        ("age = [0, 130.5]", "sex = [0, 1]", "column sex: only a Real, an Integer and a Date have a range"),
        ("age = [0, 130.5]", 'age = ["2000-01-01", "2001-01-01"]', "column age: .* the limits of a number are numbers"),
        ("age = [0, 130.5]", "age = [2000-01-01, 2001-01-01]", "column age: .* the limits of a number are numbers"),
        ("age = [0, 130.5]", "height = [0, 1]", "no column 'height'"),
        ("[ranges.patients]", "[ranges.persons]", "no input 'persons'"),
        ("2026-12-31", '"next year"', "valid_until: "),
        ('scenario = "ages.py"', 'scenario = "sages.py"', r"no scenario 'sages\.py'"),
        ("scenario", "= scenario", "not a TOML file"),
    ],
)
def test_a_study_that_is_wrong_names_file_and_key(tmp_path, old, new, message):
    with pytest.raises(ConfigError, match=message) as error:
        open_study(files(tmp_path, STUDY.replace(old, new)))
    assert "study.toml" in str(error.value) or "no scenario" in str(error.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "network: write either a name"),
        ('name = "man"', "network: no network 'man'; there is lan, wan"),
        ('rtt = "40ms"', "network: write either a name, or rtt and bandwidth"),
        ('name = "wan"\nrtt = "40ms"', "network: write either a name"),
        ('rtt = "1s"\nbandwidth = "1 B"', r"network\.bandwidth: '1 B': write it like"),
        ("rtt = 40", r"network\.rtt: 40: write it like 30ms"),
        ('delay = "1s"', r"network\.delay: no such key"),
    ],
)
def test_a_network_is_a_name_or_a_round_trip_and_a_rate(tmp_path, lines, message):
    with pytest.raises(ConfigError, match=message):
        with_network(tmp_path / "wrong", lines)


def test_organizations_that_do_not_compute_come_after_those_that_do(tmp_path):
    text = STUDY + '[organizations.aachen]\nroles = ["input", "recipient"]\npatients = "x"\n'
    plan = read_study(files(tmp_path, text))
    assert plan.participants == ("county", "north", "st-mary", "aachen")
    assert plan.having("compute") == ("county", "north", "st-mary")
    assert open_study(files(tmp_path, text)).computation.owners == {"patients": (0, 1, 2, 3)}


def test_somebody_must_learn_the_results(tmp_path):
    text = STUDY.replace(', "recipient"', "").replace('"recipient", ', "")
    with pytest.raises(ConfigError, match="nobody would learn"):
        read_study(files(tmp_path, text))


class Register(Table):
    age = Real(0, 120)
    drug = Category("statin", "other")


def test_an_input_held_by_one_organization(tmp_path):
    scenario = Scenario(inputs={"register": Register.held_by("hospital")})
    loaded = Loaded("join", tmp_path, scenario, {"join.py": b""}, "")
    entry = {"roles": ["compute", "recipient"]}
    given = {"scenario": "join", "purpose": "p", "organizations": {name: dict(entry) for name in ("a", "b", "c")}}
    with pytest.raises(ConfigError, match="exactly one organization brings register"):
        bind(make_study(given), loaded)
    given["organizations"]["b"] = {"roles": ["compute", "hospital"], "register": "r"}
    assert bind(make_study(given), loaded).computation.owners == {"register": (1,)}


def test_the_hash_does_not_depend_on_order_spelling_or_line_ends(tmp_path, study):
    first = study_hash(document(study))
    head, _, organizations = STUDY.partition("[organizations.st-mary]")
    middle, _, ranges = organizations.partition("[ranges.patients]")
    north = middle[middle.index("[organizations.north]") :]
    text = head + north + "[organizations.st-mary]" + middle.replace(north, "\n") + "[ranges.patients]" + ranges
    (tmp_path / "two").mkdir()
    path = files(tmp_path / "two", text, SOURCE.replace("\n", "\r\n"))
    assert study_hash(document(open_study(path))) == first
    assert len(first) == 32
    assert len(study_words(first).split()) == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("minimum_cohort = 10", "minimum_cohort = 11"),
        ('engine   = "replicated"', 'engine = "shamir"'),
        ("Baseline", "Followup"),
        ("2026-12-31", "2026-12-30"),
        ("130.5", "131"),
        ("[ranges.patients]", '[network]\nname = "wan"\n[ranges.patients]'),
        ("tumour_register", "tumours"),
        ('["input", "compute"]', '["input", "compute", "recipient"]'),
    ],
)
def test_every_part_of_the_study_is_in_the_hash(tmp_path, study, old, new):
    (tmp_path / "two").mkdir()
    changed = open_study(files(tmp_path / "two", STUDY.replace(old, new)))
    assert study_hash(document(changed)) != study_hash(document(study))


@pytest.mark.parametrize("limits", ['["1850-01-01", "2030-12-31"]', "[1850-01-01, 2030-12-31]"])
def test_ranges_of_dates(tmp_path, limits):
    source = SOURCE.replace('age = Real(0, 120, unit="years")', 'age = Date("1900-01-01", "2026-01-01")')
    source = source.replace("patients.age.mean()", "patients.age.year.mean()")
    source = source.replace('"""Ages."""', '"""Ages."""\nfrom mpc import Date')
    study = open_study(files(tmp_path, STUDY.replace("[0, 130.5]", limits), source))
    described = document(study)["inputs"]["patients"]["columns"]["age"]
    assert described == {"type": "date", "low": "1850-01-01", "high": "2030-12-31", "missing": []}
    with pytest.raises(ConfigError, match=r"column age: range 0\.\.130\.5: write a date as an ISO text"):
        open_study(files(tmp_path, STUDY, source))


def test_an_engine_that_is_chosen_is_as_good_as_one_that_is_named(tmp_path, study):
    (tmp_path / "two").mkdir()
    silent = open_study(files(tmp_path / "two", STUDY.replace('engine   = "replicated"', "")))
    assert study_hash(document(silent)) == study_hash(document(study))


def five(folder, **given):
    """A study of five organizations."""
    folder.mkdir()
    more = "".join(f'[organizations.{x}]\nroles = ["input", "compute"]\npatients = "p"\n' for x in ("lake", "south"))
    lines = "".join(f"{name} = {value!r}\n" for name, value in given.items())
    text = STUDY.replace('engine   = "replicated"\n', lines).replace("[ranges.patients]", more + "[ranges.patients]")
    return open_study(files(folder, text))


def test_another_threshold_is_another_study_and_said_so(tmp_path):
    keys = KEYS | {"lake": b"l" * 32, "south": b"s" * 32}
    ours, same, theirs = (
        document(five(tmp_path / name, **given), keys=keys)
        for name, given in (("a", {}), ("b", {"engine": "shamir", "threshold": 2}), ("c", {"threshold": 1}))
    )
    assert (ours["engine"], ours["threshold"]) == ("shamir", 2)
    assert study_hash(ours) == study_hash(same)
    assert difference(ours, theirs, "lake") == (
        "lake runs a different study\n"
        "  threshold:\n"
        "    here  2\n"
        "    lake  1\n"
        "Nothing was sent. Agree on one version and start again."
    )


def test_canonical_json_is_stable_and_has_no_floats(study):
    text = canonical(document(study)).decode()
    assert " :" not in text.replace(json.dumps(SOURCE), "")
    assert json.loads(text)["parameters"] == {"minimum_cohort": 10, "rate": {"decimal": "0.5"}}
    assert canonical(json.loads(text)).decode() == text
    assert canonical({"b": 1, "a": "é", "c": [True, None, 2.5]}) == (
        '{"a":"é","b":1,"c":[true,null,{"decimal":"2.5"}]}'.encode()
    )
    with pytest.raises(ConfigError):
        canonical({"a": float("nan")})


def test_sources_that_only_look_the_same_are_two_studies(study):
    one = {"sources": {"a.py": {"sha256": "1", "text": "é"}}, "scenario": "a"}
    two = {"sources": {"a.py": {"sha256": "2", "text": "é"}}, "scenario": "a"}
    assert canonical(one) != canonical(two)
    assert "look the same" in difference(one, two, "county")


def test_a_participant_without_key_is_named(study):
    with pytest.raises(ConfigError, match=r"the key of north is not known here; .* comity peer add"):
        document(study, keys={"county": b"", "st-mary": b""})


def with_network(folder, lines):
    folder.mkdir()
    return open_study(files(folder, STUDY.replace("[ranges.patients]", f"[network]\n{lines}\n[ranges.patients]")))


def test_a_study_names_its_network(tmp_path, study):
    assert study.plan.network is None
    assert document(study)["network"] is None
    named = with_network(tmp_path / "named", 'name = "wan"')
    spelled = with_network(tmp_path / "spelled", 'rtt = "40 ms"\nbandwidth = "100Mbit/s"')
    other = with_network(tmp_path / "other", 'rtt = "80ms"\nbandwidth = "100M"')
    assert named.plan.network == spelled.plan.network == Network(0.04, 1e8)
    assert study_hash(document(named)) == study_hash(document(spelled))
    assert difference(document(named), document(other), "county") == (
        "county runs a different study\n"
        "  network rtt:\n"
        "    here    0.04 s\n"
        "    county  0.08 s\n"
        "Nothing was sent. Agree on one version and start again."
    )


def changed(ours, path, value):
    theirs = copy.deepcopy(ours)
    *folders, last = path
    entry = theirs
    for folder in folders:
        entry = entry[folder]
    if value is None:
        del entry[last]
    else:
        entry[last] = value
    return theirs


@pytest.mark.parametrize(
    ("path", "value", "place", "here", "there"),
    [
        (("comity",), "9.9", "Comity version", None, "9.9"),
        (("protocol",), 2, "protocol version", "1", "2"),
        (("engine",), "shamir", "engine", "replicated", "shamir"),
        (("threshold",), 2, "threshold", "1", "2"),
        (("purpose",), "other", "purpose", "Baseline of the registry, 2026", "other"),
        (("keep_contributions",), True, "keep_contributions", "false", "true"),
        (("valid_until",), "2027-01-01", "valid_until", "2026-12-31", "2027-01-01"),
        (("parameters", "minimum_cohort"), 3, "parameter minimum_cohort", "10", "3"),
        (("parameters", "rate"), {"decimal": "0.25"}, "parameter rate", "0.5", "0.25"),
        (("parameters", "rate"), None, "parameter rate", "0.5", "(not there)"),
        (("inputs", "patients", "columns", "age", "high"), "90.0", "input patients, column age, high", "130.5", "90.0"),
        (("inputs", "patients", "columns", "sex"), None, "input patients, column sex", None, "(not there)"),
        (("participants", 0, "roles"), ["input"], "participant county, roles", None, '["input"]'),
        (("participants", 1, "name"), "south", "participant north", None, "(not there)"),
        (("participants", 1, "key"), "00" * 32, "participant north, key", None, "abacus abacus"),
        (("releases", 0, "minimum"), 1, "release age mean, minimum", "10", "1"),
        (("scenario",), "other", "scenario", "ages", "other"),
        (("network",), {"rtt": "0.04 s"}, "network", "null", '{"rtt": "0.04 s"}'),
    ],
)
def test_the_difference_names_the_place_and_both_values(study, path, value, place, here, there):
    ours = document(study)
    text = difference(ours, changed(ours, path, value), "county")
    lines = text.splitlines()
    assert lines[0] == "county runs a different study"
    assert lines[-1] == "Nothing was sent. Agree on one version and start again."
    assert f"  {place}:" in lines
    at = lines.index(f"  {place}:")
    assert lines[at + 1].startswith("    here    ")
    assert lines[at + 2].startswith(f"    county  {there}")
    if here:
        assert lines[at + 1].startswith(f"    here    {here}")


def test_a_changed_line_of_the_scenario_is_shown_from_both_sides(tmp_path, study):
    (tmp_path / "two").mkdir()
    source = SOURCE.replace("patients.age.mean()", "patients.age.sum()")
    theirs = document(open_study(files(tmp_path / "two", source=source)))
    text = difference(document(study), theirs, "county")
    line = SOURCE[: SOURCE.index("study.release")].count("\n") + 1
    assert text == (
        "county runs a different study\n"
        f"  scenario ages, line {line}:\n"
        '    here    study.release("age mean", patients.age.mean())\n'
        '    county  study.release("age mean", patients.age.sum())\n'
        "Nothing was sent. Agree on one version and start again."
    )


def test_files_and_lines_that_one_side_lacks(study):
    ours = document(study)
    theirs = copy.deepcopy(ours)
    theirs["sources"]["more.py"] = {"sha256": "0", "text": "x"}
    theirs["sources"]["ages.py"] = {"sha256": "0", "text": ours["sources"]["ages.py"]["text"] + "x = 1"}
    text = difference(ours, theirs, "county")
    assert "scenario ages, more.py:" in text
    assert "x = 1" in text


def test_a_hostile_document_is_shown_harmlessly_and_briefly(study):
    ours = document(study)
    deep: object = "x"
    for _ in range(200):
        deep = {"a": deep}
    theirs = changed(ours, ("parameters",), {f"p{i}\x1b[31m\n‮": "\x1b]0;x\x07" * 9999 for i in range(5000)})
    theirs |= {"purpose": deep, "inputs": [1], "sources": 7, "participants": "x", "releases": None, "\x1b": 1}
    text = difference(ours, theirs, "coun\x1bty")
    assert len(text) < 8000
    assert len(text.splitlines()) < 40
    assert not any(ord(character) < 32 and character != "\n" for character in text)
    assert "‮" not in text
    assert "and " in text.splitlines()[-2]
    for odd in ({}, [], None, "x", {"sources": {"ages.py": 3}}, {"participants": [[], {"name": 3}]}):
        assert difference(ours, odd, "county").startswith("county runs a different study")  # type: ignore[arg-type]


def test_the_same_document_says_so(study):
    assert "reads the same" in difference(document(study), document(study), "county")


def test_text_from_outside_is_bounded_and_on_one_line():
    assert clean("a\tb\nc ") == r"a\tb\nc\x20"
    assert clean("x" * 500, 10) == "x" * 9 + "…"
