"""Before an MPyC program starts: options, the study file, which sources are compared, and what is said without MPyC."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from mpc.errors import ConfigError
from parties.cli.main import main
from parties.mpyc import guard
from parties.mpyc.sources import program_sources
from parties.mpyc.study import agreed_program, check_threshold, open_program_study
from parties.study.difference import difference
from parties.study.document import canonical, study_hash

THREE = "".join(f'[organizations.{name}]\nroles = ["compute"]\n' for name in ("st-mary", "county", "north"))


def ended(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.mark.parametrize(
    ("option", "instead"),
    [
        (["-M3"], "--local N"), (["-M", "3"], "--local N"), (["-I1"], "names"), (["--index", "1"], "names"),
        (["-P", "localhost:1"], "who takes part"), (["-T1"], "threshold = T"), (["--thresh", "1"], "threshold = T"),
        (["-B", "5000"], "who takes part"), (["-C", "x.ini"], "who takes part"), (["--ssl"], "always encrypted"),
        (["--output-windows"], "--output-dir"), (["--output-file"], "--output-dir"),
        (["--own", "-M3", "-L", "64"], "--local N"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_options_about_the_network_are_refused(option, instead):
    with pytest.raises(ConfigError, match=instead):
        guard.check_options(option)


@pytest.mark.parametrize(
    "options",
    [[], ["-L", "64", "-K", "40"], ["--no-log"], ["--size", "-5", "x"], ["-h"], ["-W2"], ["--log-level", "debug"]],
    ids=" ".join,
)
def test_other_options_are_the_programs(options):
    guard.check_options(options)


@pytest.mark.parametrize(
    "option", [["-K", "39"], ["-K8"], ["--sec-param=30"], ["--sec", "0"], ["-K", "-5"]], ids=" ".join
)
def test_a_security_parameter_below_forty_bits_is_refused(option, tmp_path, capsys):
    with pytest.raises(ConfigError, match="leave -K out, or give 40 or more"):
        guard.check_options(option)
    program = tmp_path / "program.py"
    program.write_text("print(1)\n")
    assert ended(["mpyc", "--local", "3", str(program), *option]) == 2
    assert "leave -K out" in " ".join(capsys.readouterr().err.split())


def test_what_a_program_sets_itself_is_held_to_the_same():
    options = guard.Options(sec_param=40, bit_length=32)
    options.bit_length = 64
    options.sec_param = 60
    with pytest.raises(ConfigError, match="-K 20"):
        options.sec_param = 20
    assert (options.sec_param, options.bit_length) == (60, 64)
    with pytest.raises(ConfigError):
        guard.Options(sec_param=30)


def test_a_broken_option_of_mpyc_is_an_error_here():
    with pytest.raises(ConfigError, match="invalid int value"):
        guard.check_options(["-L", "many"])


def test_another_version_of_mpyc_is_refused(monkeypatch):
    monkeypatch.setattr(guard, "version", lambda name: "0.9.3")
    with pytest.raises(ConfigError, match=r"0\.9\.3"):
        guard.mpyc_version()


@pytest.mark.parametrize(
    "arguments",
    [
        ["mpyc"], ["mpyc", "study.toml"], ["mpyc", "--local", "3"], ["mpyc", "--local", "2", "PROGRAM"],
        ["mpyc", "--local", "21", "PROGRAM"], ["mpyc", "--local", "3", "--threshold", "2", "PROGRAM"],
        ["mpyc", "--local", "3", "--threshold", "0", "PROGRAM"], ["mpyc", "--local", "3", "nowhere.py"],
        ["mpyc", "--local", "3", "PROGRAM", "-M5"], ["mpyc", "--threshold", "1", "study.toml", "PROGRAM"],
        ["mpyc", "--locl", "3", "PROGRAM"], ["mpyc", "--wait", "0", "--local", "3", "PROGRAM"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_commands_that_make_no_sense_start_nothing(arguments, tmp_path, monkeypatch):
    monkeypatch.setattr("subprocess.Popen", None)
    program = tmp_path / "program.py"
    program.write_text("print(1)\n")
    assert ended([str(program) if a == "PROGRAM" else a for a in arguments]) == 2


@pytest.mark.parametrize(
    ("arguments", "ours", "programs"),
    [
        ("--local 3 PROGRAM --size 20 -L 64", {"local": 3}, "--size 20 -L 64"),
        ("PROGRAM --local 3 --size 20", {"local": 3}, "--size 20"),
        ("PROGRAM --size 20 --local=3 --grace 9 -x --stall=60", {"local": 3, "grace": 9, "stall": 60}, "--size 20 -x"),
        ("--local 3 PROGRAM --wait 5 -- --wait 6 --local", {"local": 3, "wait": 5}, "--wait 6 --local"),
        ("--local 3 -- PROGRAM --threshold 1", {"local": 3}, "--threshold 1"),
        ("PROGRAM --local 5 --threshold 1 --help", {"local": 5, "threshold": 1}, "--help"),
        ("--local 3 PROGRAM -- a -- b", {"local": 3}, "a -- b"),
    ],
)
def test_options_of_ours_are_taken_wherever_they_stand(arguments, ours, programs):
    from parties.cli.mpyc import command

    given = command.make_context("mpyc", arguments.split()).params
    assert {name: value for name, value in given.items() if value is not None and name in ours} == ours
    assert list(given["arguments"]) == ["PROGRAM", *programs.split()]


@pytest.mark.parametrize(
    "arguments", ["PROGRAM --local", "--local 3 PROGRAM --home", "--locl 3 PROGRAM", "--local x P"]
)
def test_options_of_ours_that_are_incomplete_are_refused(arguments, capsys):
    assert ended(["mpyc", *arguments.split()]) == 2
    assert "Traceback" not in capsys.readouterr().err


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_study_of_a_program(tmp_path):
    study = open_program_study(write(tmp_path / "s.toml", f'purpose = "p"\nvalid_until = 2026-12-31\n{THREE}'))
    assert study.participants == ("county", "north", "st-mary")
    assert (study.threshold, study.index("north")) == (1, 1)
    study.check_date(date(2026, 12, 31))
    with pytest.raises(ConfigError, match="valid_until"):
        study.check_date(date(2027, 1, 1))
    with pytest.raises(ConfigError, match="does not take part"):
        study.index("west")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f'scenario = "hospital_statistics"\npurpose = "p"\n{THREE}', "comity run"),
        (THREE, "purpose"),
        (f'purpose = "p"\nthreshold = 2\n{THREE}', "threshold 2 is not possible with 3 parties"),
        (f'purpose = "p"\nthreshold = "1"\n{THREE}', "threshold"),
        (f'purpose = "p"\nengine = "shamir"\n{THREE}', "engine"),
        ('purpose = "p"\n[organizations.a]\nroles = ["compute"]', "3 to 20 parties, found 1"),
        (f'purpose = "p"\n{THREE}[organizations.d]\nroles = ["input"]', "compute"),
        (f'purpose = "p"\n{THREE}data = "x"', "data"),
        ("purpose = ", "not a TOML file"),
    ],
)
def test_studies_that_are_refused(tmp_path, text, says):
    with pytest.raises(ConfigError, match=says):
        open_program_study(write(tmp_path / "s.toml", text))


def test_a_study_of_a_program_is_refused_by_run(tmp_path):
    from parties.study.plan import read_study

    with pytest.raises(ConfigError, match="scenario"):
        read_study(write(tmp_path / "s.toml", f'purpose = "p"\n{THREE}'))


@pytest.mark.parametrize(("parties", "largest"), [(3, 1), (4, 1), (5, 2), (20, 9)])
def test_the_default_threshold_is_the_largest(parties, largest):
    assert check_threshold(parties, None, "x") == largest
    with pytest.raises(ConfigError):
        check_threshold(parties, largest + 1, "x")


def test_which_sources_are_compared(tmp_path):
    files = {
        "program.py": "import os, helper\nfrom package.inner import f\nfrom package import other\nimport missing\n",
        "helper.py": "def late():\n    import deep\n",
        "deep.py": "x = 1\r\ny = 2\r",
        "unused.py": "",
        "package/__init__.py": "from . import near\n",
        "package/near.py": "from .far import z\n",
        "package/far.py": "z = 1\n",
        "package/inner.py": "def f(): ...\n",
        "package/other.py": "import helper\n",
        "package/unused.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    found = program_sources(tmp_path / "program.py")
    assert next(iter(found)) == "program.py"
    assert set(found) == set(files) - {"unused.py", "package/unused.py"}
    assert found["deep.py"] == b"x = 1\ny = 2\n"


@pytest.mark.parametrize("text", ["def", "x = '\0'"])
def test_what_is_no_program(tmp_path, text):
    with pytest.raises(ConfigError, match="not a Python program"):
        program_sources(write(tmp_path / "program.py", text))
    with pytest.raises(ConfigError, match="no such file"):
        program_sources(tmp_path / "nowhere.py")


def document(tmp_path: Path, **changes: object) -> dict[str, object]:
    study = open_program_study(write(tmp_path / "s.toml", f'purpose = "p"\n{THREE}'))
    given: dict[str, object] = {
        "keys": {name: bytes([i] * 32) for i, name in enumerate(study.participants)},
        "program": "program.py",
        "sources": {"program.py": b"first\nsecond\n"},
        "arguments": ["-n", "5"],
        "mpyc": "0.11",
        "settings": {"bit_length": 32, "no_prss": False},
    }
    return agreed_program(study, **{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "place", "here", "there"),
    [
        ({"sources": {"program.py": b"first\nsecund\n"}}, "program program.py, line 2:", "second", "secund"),
        ({"arguments": ["-n", "6"]}, "arguments:", '["-n", "5"]', '["-n", "6"]'),
        ({"mpyc": "0.12"}, "MPyC version:", "0.11", "0.12"),
        ({"settings": {"bit_length": 64, "no_prss": False}}, "MPyC setting bit_length:", "32", "64"),
        ({"program": "other.py"}, "program:", "program.py", "other.py"),
        (
            {"sources": {"program.py": b"first\nsecond\n", "helper.py": b"x"}},
            "program program.py, helper.py:",
            "(not there)",
            "this file",
        ),
    ],
)
def test_differences_are_named(tmp_path, changes, place, here, there):
    ours, theirs = document(tmp_path), document(tmp_path, **changes)
    assert study_hash(ours) != study_hash(theirs)
    theirs = json.loads(canonical(theirs))
    lines = [line.strip() for line in difference(ours, theirs, "north").splitlines()]
    k = lines.index(place)
    assert lines[k + 1].endswith(here)
    assert lines[k + 2].endswith(there)


def test_a_party_without_a_known_key_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="the key of st-mary is not known"):
        document(tmp_path, keys={"county": bytes(32), "north": bytes(32)})
