"""The result of a run as one document: the content of `result.json` and of the reports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from parties.report.disclosed import Line, read
from parties.run.outcome import Outcome, Releases
from parties.study.plan import BoundStudy, StudyPlan
from parties.study.trust import who_must_not_collude
from parties.text.some import some

#: A part of the result document, or all of it: JSON values by key, as `parties.report.data` reads them.
Document = dict[str, Any]


def result_document(bound: BoundStudy, outcome: Outcome, organization: str) -> Document:
    """The result as `organization` saw it, with the row counts of this organization only."""
    plan = bound.plan
    return {
        "scenario": bound.loaded.name,
        "study": outcome.study,
        "study_words": outcome.words,
        "purpose": plan.purpose,
        "organization": organization,
        "organizations": {
            name: {
                "roles": roles,
                "rows": _rows(outcome) if name == organization else None,
                "brought": brought_lines(outcome) if name == organization else [],
            }
            for name, roles in _shown(plan, organization).items()
        },
        "releases": outcome.releases,
        **told_of(outcome.manifest, outcome.releases),
        "oracle": None,
        "cost": {
            "rounds": outcome.rounds,
            "bytes_sent": outcome.frame_bytes_sent,
            "seconds": outcome.phases.get("joint", 0.0),
            "operations": outcome.operations,
        },
        "phases": outcome.phases,
        "contributions": {"of": outcome.contributions, "left_out": list(outcome.left_out)},
        "notes": _notes(plan, outcome),
        "model": _model(bound),
        "finished": outcome.finished,
    }


def _shown(plan: StudyPlan, organization: str) -> dict[str, list[str]]:
    """The organizations that a result lists, and their roles: of those that a roll enrols only `organization`."""
    roles = {entry.name: list(entry.roles) for entry in plan.organizations}
    return roles if organization in roles else roles | {organization: ["input"]}


def told_of(manifest: Iterable[Line], releases: Releases) -> Document:
    """The facts about these releases: how each is shown, what protects it, which are unprotected (with the author's
    reason), and their lines of the agreed document."""
    lines = [line for line in manifest if line["name"] in releases]
    entries = [read(line) for line in lines]
    return {
        "kinds": {entry.name: entry.kind for entry in entries},
        "protections": {entry.name: entry.protection for entry in entries},
        "unprotected": {entry.name: entry.heading for entry in entries if not entry.protected},
        "manifest": lines,
    }


def brought_lines(outcome: Outcome) -> list[str]:
    """What this organization brought, for people."""
    lines = []
    for name, brought in outcome.brought.items():
        missing = sum(brought.missing.values())
        text = f"{name}: {brought.rows:,} rows from {brought.file}"
        if missing:
            text += f", {missing:,} values missing"
        if brought.dropped:
            text += f", {brought.dropped:,} rows left out"
        lines.append(text)
    return lines


def _notes(plan: StudyPlan, outcome: Outcome) -> list[str]:
    notes = []
    if plan.contributors is not None and outcome.contributions:
        notes.append(f"{plan.contributors}; contributions of {outcome.contributions:,} organizations came")
    notes += [f"refused {count} connections from {where}" for where, count in outcome.refused.items()]
    if outcome.left_out:
        notes.append(
            "left out, because numbers that it shared are beyond their bounds or contradict each other: "
            f"{some(outcome.left_out)}"
        )
    if outcome.skipped:
        notes.append(
            "agreed, and not released, since the script chose otherwise by the value of a release that it had awaited: "
            f"{', '.join(outcome.skipped)}"
        )
    return notes


def _model(bound: BoundStudy) -> str:
    """The trust that the run rested on."""
    plan, on_shares = bound.plan, bool(bound.loaded.shares)
    trust = who_must_not_collude(plan.having("compute"), plan.threshold, on_shares=on_shares).removesuffix(".")
    return f"{trust} (semi-honest security)."


def _rows(outcome: Outcome) -> int | None:
    return sum(b.rows for b in outcome.brought.values()) if outcome.brought else None
