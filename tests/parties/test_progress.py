"""What people see while a run goes on: one moving line on a terminal, a line now and then elsewhere."""

import re

import pytest

from parties.cli import progress
from parties.cli.progress import Display
from parties.report.words import time_left
from parties.system.events import Checking, News, Planned, Progress

FAR = Progress(287, "shuffle", "students_and_taxes.py", 86, 1_400_000_000, 0.62, 71.0)


def shown(capsys, *events):
    with Display() as display:
        for event in [Planned(634, 607), *events]:
            display.event(event)
        if display._err.is_terminal:
            display._bar.refresh()
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)
    return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()]


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


def test_the_time_left_is_seen_on_a_narrow_terminal_and_the_details_give_way(terminal, capsys):
    last = shown(capsys, FAR)[-1]
    assert "computing" in last
    assert "70 s left" in last
    assert "step 287/634, 1.4 GB" in last
    assert last.endswith("…")
    assert len(last) <= 80


def test_a_check_shows_how_many_rows_there_are(terminal, capsys):
    last = shown(capsys, Checking("taxes", 524_288, 10_000_000))[-1]
    assert "checking taxes" in last
    assert "524,288 of about 10,000,000 rows" in last
    assert "524,288 rows" in shown(capsys, Checking("taxes", 524_288, 0))[-1]


def test_a_finished_part_does_not_stop_the_clock(terminal, capsys):
    with Display() as display:
        display.event(Checking("taxes", 10, 10))
        display.event(FAR)
        (task,) = display._bar.tasks
        assert not task.finished
        display.event(News("waiting for the compute parties", 0, 0))
        assert task.total is None


def test_where_lines_stay_there_is_one_now_and_then(monkeypatch, capsys):
    assert shown(capsys, FAR, FAR) == []
    monkeypatch.setattr(progress, "_LINE_S", 0.0)
    lines = shown(capsys, Checking("taxes", 524_288, 10_000_000), FAR)
    assert lines == ["  checking taxes: 524,288 of about 10,000,000 rows", "  computing: 62%, 1.4 GB, 70 s left"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "a few s left"), (12, "10 s left"), (97, "95 s left"), (150, "2 min left"), (4000, "1 h 7 min left")],
)
def test_a_rough_time_is_said_roughly(seconds, text):
    assert time_left(seconds) == text
