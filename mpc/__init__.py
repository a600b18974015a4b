"""The abstract machine of one party in one run: values, labels, scheduling, engines, channels, releases.

No sockets, files, clocks or environment: whoever assembles a run brings them. Importing this package imports
nothing heavy.
"""

from mpc.releases.disclosure import Result
from mpc.releases.scenario import Scenario
from mpc.releases.study import Study
from mpc.tables.dates import Date
from mpc.tables.genotypes import Genotypes
from mpc.tables.keys import Key
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.tables.schema import Category, Flag, Integer, Real, Table
from mpc.tables.texts import Text
from mpc.values.integers import from_bits
from mpc.values.secret import SecretArray, concatenate, maximum, minimum, stack, where

__all__ = [
    "Category",
    "Date",
    "Flag",
    "Genotypes",
    "Integer",
    "Key",
    "PrivateArray",
    "PrivateTable",
    "Real",
    "Result",
    "Scenario",
    "SecretArray",
    "Study",
    "Table",
    "Text",
    "concatenate",
    "from_bits",
    "maximum",
    "minimum",
    "stack",
    "where",
]
