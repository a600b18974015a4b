"""Survival: curves and comparisons of times to an event, of rows that stay at their owners and of shared rows."""

from protocols.survival.clogit import clogit
from protocols.survival.cox import cox
from protocols.survival.cumulative_incidence import cumulative_incidence
from protocols.survival.kaplan_meier import kaplan_meier
from protocols.survival.logrank import logrank
from protocols.survival.nelson_aalen import nelson_aalen
from protocols.survival.plaintext import shown_points
from protocols.survival.restricted_mean import restricted_mean

__all__ = [
    "clogit",
    "cox",
    "cumulative_incidence",
    "kaplan_meier",
    "logrank",
    "nelson_aalen",
    "restricted_mean",
    "shown_points",
]
