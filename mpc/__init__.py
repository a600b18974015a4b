"""The abstract machine of one party in one run: values, labels, scheduling, engines, channels, releases.

No sockets, files, clocks or environment: whoever assembles a run brings them. Importing this package imports
nothing heavy.
"""

from mpc.disclosure import Result
from mpc.private import PrivateArray, PrivateTable
from mpc.scenario import Scenario
from mpc.schema import Category, Flag, Integer, Real, Table
from mpc.secret import SecretArray, concatenate, maximum, minimum, stack, where
from mpc.study import Study

__all__ = [
    "Category",
    "Flag",
    "Integer",
    "PrivateArray",
    "PrivateTable",
    "Real",
    "Result",
    "Scenario",
    "SecretArray",
    "Study",
    "Table",
    "concatenate",
    "maximum",
    "minimum",
    "stack",
    "where",
]
