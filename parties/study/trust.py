"""Choose the engine and threshold of a study, and say in words who must not put their shares together.

At least three parties compute, since both engines rest on an honest majority. Two organizations ask a third one, a
neutral *helper* that only computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from mpc.errors import ConfigError
from protocols.engines import FEWEST, MOST, REPLICATED_PARTIES, checked_threshold, default_engine, largest_threshold

if TYPE_CHECKING:
    from parties.study.plan import StudyPlan

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Coalition(NamedTuple):
    """Compute parties that could open all shares, and the other organizations whose data that would open."""

    parties: tuple[str, ...]
    opens: tuple[str, ...]


def choose(compute: Sequence[str], engine: str | None, threshold: int | None) -> tuple[str, int]:
    """Engine and threshold for these compute parties, from those of a study file (None: not named).

    Raises ConfigError, which says what to write instead.
    """
    if len(compute) < FEWEST:
        raise ConfigError(_too_few(compute))
    chosen = engine or default_engine(len(compute))
    try:
        return chosen, checked_threshold(chosen, len(compute), threshold)
    except ConfigError as error:
        raise ConfigError(f"{error}{_instead(len(compute), chosen)}") from None


def _too_few(compute: Sequence[str]) -> str:
    if not compute:
        problem = "no organization computes"
    elif len(compute) == 1:
        problem = f"only {compute[0]} computes: it would see all that the others share"
    else:
        problem = f"only {compute[0]} and {compute[1]} compute: two parties have no honest majority"
    return (
        f'{problem}\nAt least three organizations need the role "compute". If no other one can compute, ask a neutral '
        "helper that brings no data and learns nothing: a university, a notary, a cloud in another trust domain. Write "
        'it in the study as\n    [organizations.helper]\n    roles = ["compute"]'
    )


def _instead(compute: int, engine: str) -> str:
    """What to write where an engine does not take this number of compute parties."""
    if compute > MOST:
        return (
            f'\nChoose {FEWEST} to {MOST} that would not put their shares together; the others keep the role "input" '
            "alone."
        )
    if engine == "replicated" and compute != REPLICATED_PARTIES:
        return (
            '\nWrite  engine = "shamir", or leave the engine out; or choose three that would not put their shares '
            "together."
        )
    return ""


def number(count: int) -> str:
    """A small number in words."""
    return _WORDS[count] if count < len(_WORDS) else str(count)


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + "".join(names[-1:])


def why(plan: StudyPlan) -> str:
    """Why the study has this engine and this threshold."""
    count = len(plan.having("compute"))
    parties = f"{number(count)} compute parties"
    best = default_engine(count)
    if plan.names_engine:
        reason = "the study says so" if plan.engine == best else f"the study says so ({best} is the faster one)"
    elif best == "replicated":
        reason = f"{parties}, among which it is the fastest"
    else:
        reason = f"{parties} (replicated, the faster one, takes exactly three)"
    if plan.threshold < largest_threshold(count):
        reason += f"; a threshold up to {largest_threshold(count)} would be possible"
    return reason


def who_must_not_collude(compute: Sequence[str], threshold: int, *, on_shares: bool = False) -> str:
    """The trust that a study rests on. `on_shares`: its script brings protocols on shares."""
    needed = number(threshold + 1)
    nobody = "If the script's own protocols on shares are secure, nobody" if on_shares else "Nobody"
    return f"{nobody} learns anything else unless {needed} of {listed(compute)} put their shares together."


def coalitions(plan: StudyPlan) -> list[Coalition]:
    """Every smallest coalition, one by one, for a study with a helper among three compute parties; else none."""
    compute = plan.having("compute")
    if not plan.helpers or len(compute) != FEWEST:
        return []
    owners = [o.name for o in plan.organizations if o.datasets]
    owners += [] if plan.contributors is None else [str(plan.contributors)]
    return [
        Coalition(group, tuple(name for name in owners if name not in group))
        for group in combinations(compute, plan.threshold + 1)
    ]


def coalition_lines(plan: StudyPlan) -> list[str]:
    """What each of `coalitions` would learn, for people."""
    owners = {o.name for o in plan.organizations if o.datasets}
    lines = []
    for parties, opens in coalitions(plan):
        if opens:
            verb = "shares" if len(opens) == 1 else "share"
            learnt = f"all that {listed(opens)} {verb}"
        elif owners.issuperset(parties):
            learnt = "all that the other one shares"
        else:
            learnt = "nothing that they do not know: nobody else brings data"
        lines.append(f"{listed(parties)} together would learn {learnt}.")
    return lines
