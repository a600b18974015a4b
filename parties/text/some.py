"""Long lists of names for people: the first ones, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

#: So many names are shown of a longer list.
SHOWN = 12


def some(names: Sequence[str], shown: int = SHOWN) -> str:
    """The names, separated by commas; of a longer list the first ones and the number of the others."""
    if len(names) <= shown:
        return ", ".join(names)
    return f"{', '.join(names[:shown])} and {len(names) - shown:,} more"
