"""Results on disk: tried before, written first, shown in any case."""

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mpc.errors import ConfigError
from parties.report import page as report
from parties.report import plots
from parties.run import keeping
from parties.run.keeping import JOURNAL, REPORT, RESULT, NotWritten, Results, plain, try_folder
from parties.text.console import SafeConsole

STUDY = "ab" * 32
VALUES = {"age mean": 41.5, "ages": {"edges": [0.0, 50.0, 100.0], "counts": [20, 30]}}


def document():
    return {
        "scenario": "people",
        "study": STUDY,
        "organizations": {"county": {"roles": ["recipient"]}},
        "releases": dict(VALUES),
        "kinds": {"age mean": "number", "ages": "histogram"},
        "cost": {"rounds": 3, "bytes_sent": 100, "seconds": 0.1},
    }


def finish(results, *, as_json=False):
    results.opened(STUDY, VALUES)
    results.finish(document(), as_json=as_json, console=SafeConsole(width=100))


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_all_goes_well(tmp_path, capsys):
    results = Results(tmp_path / "out" / "here", tmp_path / "home")
    results.try_out()
    assert not list(tmp_path.iterdir())
    results.opened(STUDY, VALUES)
    journal = tmp_path / "out" / "here" / JOURNAL
    assert json.loads(journal.read_text()) == {"study": STUDY, "releases": VALUES}
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    finish(results)
    assert sorted(path.name for path in journal.parent.iterdir()) == [REPORT, RESULT]
    assert "41.5" in capsys.readouterr().out


def test_without_a_folder_of_its_own_it_goes_to_one_of_the_study(tmp_path):
    finish(Results(None, tmp_path / "results"))
    (folder,) = (tmp_path / "results").iterdir()
    assert folder.name.endswith("Z-abababab")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def occupied(path):
    path.write_text("a file")
    return path / "results"


@pytest.mark.parametrize("where", [lambda tmp: occupied(tmp / "file"), lambda tmp: "/proc/comity-results"])
def test_a_folder_that_cannot_be_is_refused_beforehand(tmp_path, where):
    with pytest.raises(ConfigError, match=r"results cannot be written there .*Nothing was sent"):
        Results(tmp_path / where(tmp_path)).try_out()


def test_a_full_disk_is_found_beforehand_and_leaves_nothing(tmp_path):
    code = (
        "import resource, sys, pathlib\nresource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from parties.run.keeping import Results\nfrom mpc.errors import ConfigError\n"
        "try: Results(pathlib.Path(sys.argv[1])).try_out()\n"
        "except ConfigError as error: print(error)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a" / "b")], capture_output=True, text=True, check=True
    ).stdout
    assert "results cannot be written there (File too large)" in out
    assert not list(tmp_path.iterdir())


def test_a_report_that_cannot_be_made_is_found_beforehand(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ConfigError, match=r"no report could be made here: ModuleNotFoundError .*Nothing was sent"):
        Results(tmp_path).try_out()


def broken(*_):
    raise ValueError("0.123: a value that must not be quoted")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_plot_that_fails_loses_nothing(tmp_path, monkeypatch, capsys, as_json):
    monkeypatch.setattr(plots, "draw", broken)
    with pytest.raises(NotWritten, match=r"report\.html could not be written: ValueError \(test_keeping\.py") as told:
        finish(Results(tmp_path), as_json=as_json)
    assert told.value.exit_code == 2
    assert "0.123" not in str(told.value)
    assert [path.name for path in tmp_path.iterdir()] == [RESULT]
    out = capsys.readouterr().out
    assert json.loads(out)["releases"] == VALUES if as_json else "41.5" in out


def test_a_result_that_has_no_known_form_is_printed_and_stays_as_it_was_opened(tmp_path, capsys):
    results = Results(tmp_path)
    results.opened(STUDY, VALUES)
    with pytest.raises(NotWritten, match="The opened values are in"):
        results.finish({**document(), "cost": "none"}, as_json=False, console=SafeConsole())
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]
    assert json.loads(capsys.readouterr().out)["releases"] == VALUES


def test_a_folder_that_fails_after_the_run_is_replaced_by_the_home(tmp_path, capsys):
    results = Results(tmp_path / "out", tmp_path / "home")
    results.try_out()
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(NotWritten, match=r"opened\.json could not be written"):
        finish(results)
    (folder,) = (tmp_path / "home").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [REPORT, RESULT]
    assert str(folder) in capsys.readouterr().out


def test_when_nothing_can_be_written_it_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, "write_whole", full)
    monkeypatch.setattr(keeping, "write_private", full)
    with pytest.raises(NotWritten, match="no space left on device"):
        finish(Results(tmp_path / "out", tmp_path / "home"))
    assert "41.5" in capsys.readouterr().out


def test_a_folder_that_is_removed_in_mid_run_is_made_again(tmp_path):
    results = Results(tmp_path / "out")
    results.opened(STUDY, VALUES)
    (tmp_path / "out" / JOURNAL).unlink()
    (tmp_path / "out").rmdir()
    finish(results)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [REPORT, RESULT]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("as_json", ["", "as_json"])
def test_a_terminal_that_takes_nothing(tmp_path, as_json):
    code = (
        "import sys, pathlib\nsys.path[:0] = sys.argv[2:3]\nimport tests.parties.test_keeping as t\n"
        "try: t.finish(t.Results(pathlib.Path(sys.argv[1])), as_json=len(sys.argv) > 3)\n"
        "except t.NotWritten as error: print(error, file=sys.stderr)\n"
        "import os\nos._exit(0)\n"
    )
    with open("/dev/full", "w") as nowhere:
        command = [
            sys.executable,
            "-c",
            code,
            str(tmp_path),
            str(Path(__file__).parents[2]),
            *([as_json] if as_json else []),
        ]
        ended = subprocess.run(command, stdout=nowhere, stderr=subprocess.PIPE, text=True, check=True)
    assert "the results could not be shown: no space left on device" in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [REPORT, RESULT]


def test_any_value_becomes_json():
    values = {
        1: np.float32(1.5),
        "b": np.arange(3),
        "c": (float("nan"), np.inf),
        "d": {"e": np.bool_(True)},
        "f": object,
    }
    assert plain(values) == {"1": 1.5, "b": [0, 1, 2], "c": ["nan", "inf"], "d": {"e": True}, "f": repr(object)}
    json.dumps(plain(values), allow_nan=False)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="Permission denied"):
        try_folder(tmp_path / "out", "results")
