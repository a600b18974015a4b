"""Events of a party's process: each goes over a line of JSON unchanged; other lines are no events."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from parties.system import events
from parties.system.events import from_line, to_line

EVENTS = [
    events.Status("waiting for north"),
    events.Planned(12, 40),
    events.Unprotected(["NOT PROTECTED"]),
    events.Warned(["the script releases nothing"]),
    events.Checking("oncology", 524_288, 10_000_000),
    events.Brought("patients", "oncology", "patients.csv", 120, {"age": 3}, 1),
    events.Agreed("calm river stone", "00" * 32),
    events.Progress(7, "multiply", "study.py", 31, 4096, 0.25, 12.5),
    events.Contribution(9, {"county": 300, "north": 300}, "ff" * 32),
    events.Receipt("north", 300),
    events.News("computing", 3, 12),
    events.Finished({"releases": {"n": 5}}),
]


def test_every_kind_is_tried():
    assert {type(event) for event in EVENTS} == set(get_args(events.Event))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_a_line_gives_the_event_back(event):
    line = to_line(event)
    assert "\n" not in line
    assert json.loads(line)["event"] == event.kind
    assert from_line(line) == event


@pytest.mark.parametrize("line", ["", "warning: ...", "[]", "3", "{}", '{"event": "other"}', '{"event": "status"}'])
def test_other_lines_are_none(line):
    assert from_line(line) is None
