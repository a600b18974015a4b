"""Aggregates asked of a database: the questions of all of them together, pass after pass.

Measures of all rows are asked by one query for each pass, groups by a query each. A query also counts the rows, and
those that do not fit, so that rows that change between the check and a pass, or between passes, are noticed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mpc.tables.aggregates import Aggregate
from mpc.untyped import JsonObject, Opaque
from parties.data.pushdown import moments  # noqa: F401  (registers its aggregates)
from parties.data.pushdown.aggregates import pushed
from parties.data.pushdown.context import Context
from parties.data.pushdown.expressions import Column, NotInSQL
from parties.data.pushdown.sums import Answer, Changed, Grouped, Question, Steps

#: Most measures of one query.
_MOST_MEASURES = 400

#: Runs a query: its rows, as dictionaries by column.
Run = Callable[[Column], list[JsonObject]]


@dataclass
class Passes:
    """What was asked and what came out.

    queries  for each pass, its queries
    results  of each aggregate; None: not in SQL
    reasons  index of an aggregate -> why it is not in SQL
    """

    queries: list[list[Column]] = field(default_factory=list)
    results: list[JsonObject | None] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)


def asked(
    aggregates: Sequence[Aggregate], table: Column, rows: int, run: Run | None, *, compensated: bool = False
) -> Passes:
    """The results of all aggregates that SQL can say about `table`, which has `rows` rows that fit.

    run          None: nothing is asked, and "…" stands for numbers of the first pass in the second
    compensated  whether the database has a sum of floats that loses no digits
    Raises Changed if the table has other rows.
    """
    context = Context(
        table, {name: table[name] for name in table.columns if name != "unfit"}, rows, compensated=compensated
    )
    done = Passes(results=[None] * len(aggregates))
    waiting: dict[int, tuple[Steps, list[Question]]] = {}
    for k, aggregate in enumerate(aggregates):
        steps = pushed(aggregate, context)
        try:
            waiting[k] = steps, next(steps)
        except NotInSQL as reason:
            done.reasons[k] = str(reason)
    while waiting:
        questions = [question for _, asked in waiting.values() for question in asked]
        queries = _queries(table, questions)
        done.queries.append([query for query, _ in queries])
        if run is None and len(done.queries) == 2:
            break
        answers = iter([_Unknown() for _ in questions] if run is None else _answers(questions, queries, rows, run))
        going, waiting = waiting, {}
        for k, (steps, question) in going.items():
            try:
                waiting[k] = steps, steps.send([next(answers) for _ in question])
            except StopIteration as end:
                done.results[k] = end.value
    return done


#: A query, and which measure of which question its columns are: (question, measure) -> column.
_Query = tuple[Column, Mapping[tuple[int, str], str]]


def _queries(table: Column, questions: Sequence[Question]) -> list[_Query]:
    """Equal measures are asked once."""
    names: dict[Opaque, str] = {}
    measures: dict[str, Column] = {}
    places: dict[tuple[int, str], str] = {}
    groups: list[_Query] = []
    for at, question in enumerate(questions):
        if isinstance(question, Grouped):
            keyed = table.mutate(key=question.key).filter(question.where)
            query = keyed.group_by("key").aggregate(**question.measures)
            groups.append((query, {(at, "key"): "key"}))
            continue
        for what, measure in question.items():
            known = names.get(measure.op())
            if known is None:
                known = names[measure.op()] = f"{what} {len(names)}"
                measures[known] = measure
            places[at, what] = known
    queries: list[_Query] = []
    listed = list(measures.items())
    for begin in range(0, len(listed), _MOST_MEASURES):
        part = dict(listed[begin : begin + _MOST_MEASURES])
        watched = {"unfit": table.count(where=table["unfit"])} if "unfit" in table.columns else {}
        query = table.aggregate(rows=table.count(), **watched, **part)
        queries.append((query, {place: name for place, name in places.items() if name in part}))
    return queries + groups


def _answers(questions: Sequence[Question], queries: Sequence[_Query], rows: int, run: Run) -> list[Answer]:
    answers: list[Answer] = [{} for _ in questions]
    for query, places in queries:
        found = run(query)
        for (at, what), column in places.items():
            if what == "key" and isinstance(questions[at], Grouped):
                answers[at] = {group["key"]: group for group in found}
            else:
                answers[at][what] = found[0][column]
        if "rows" in query.columns and (found[0]["rows"] != rows or found[0].get("unfit")):
            raise Changed
    return answers


class _Unknown(dict[Opaque, Opaque]):
    """The answer to a question that was not asked."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: object) -> Opaque:
        if isinstance(key, int):
            return _Unknown()
        return math.nan if key in ("mean", "least", "most") else 0
