"""Which engines there are, how many compute parties and which thresholds each takes, and an engine by its name.

The threshold t is how many compute parties together learn nothing: t + 1 of them could put together all that is
shared. Both engines rest on an honest majority, so t < n / 2 for n compute parties.
"""

from __future__ import annotations

from mpc.errors import ConfigError
from mpc.machine.engine import Engine

#: What a study may name.
ENGINES = ("replicated", "shamir")
#: The functionality in the clear, for simulations and mock runs only.
CLEAR = ("ideal", "rounding")
#: Compute parties of the engine `replicated`, and its threshold.
REPLICATED_PARTIES, REPLICATED_THRESHOLD = 3, 1
#: Compute parties of the engine `shamir`.
FEWEST, MOST = 3, 20


def default_engine(parties: int) -> str:
    """The fastest engine for so many compute parties."""
    return "replicated" if parties == REPLICATED_PARTIES else "shamir"


def largest_threshold(parties: int) -> int:
    """The largest t < n / 2."""
    return max((parties - 1) // 2, 0)


def checked_threshold(name: str, parties: int, threshold: int | None = None) -> int:
    """The threshold of an engine among `parties` compute parties: the given one, or else the largest.

    Raises ConfigError where the engine does not take so many parties, or not this threshold.
    """
    if name == "replicated":
        if parties != REPLICATED_PARTIES:
            raise ConfigError(
                f"the engine replicated takes exactly three compute parties, not {parties}; the engine shamir takes "
                f"{FEWEST} to {MOST}"
            )
        if threshold not in (None, REPLICATED_THRESHOLD):
            raise ConfigError(
                f"threshold {threshold}: of the three parties of the engine replicated one learns nothing alone and "
                "two learn everything, so its threshold is 1"
            )
        return REPLICATED_THRESHOLD
    if name != "shamir":
        raise ConfigError(f"no engine {name!r}; there is {' and '.join(ENGINES)}")
    if not FEWEST <= parties <= MOST:
        raise ConfigError(f"the engine shamir takes {FEWEST} to {MOST} compute parties, not {parties}")
    most = largest_threshold(parties)
    if threshold is None:
        return most
    if not 1 <= threshold <= most:
        allowed = "1" if most == 1 else f"1 to {most}"
        raise ConfigError(
            f"threshold {threshold}: among {parties} compute parties it is {allowed}; more than half of the parties "
            "must be honest"
        )
    return threshold


def check_engine(name: str, parties: int, threshold: int | None = None) -> None:
    """Raises ConfigError where `make_engine` would."""
    if name not in CLEAR:
        checked_threshold(name, parties, threshold)


def make_engine(name: str, parties: int = 3, threshold: int | None = None) -> Engine:
    """An engine by its name: one of `ENGINES`, or of `CLEAR`, which no study can name. Imports it only now, since
    kernels are heavy.

    threshold  how many compute parties together learn nothing (default: the largest that the engine takes)
    Raises ConfigError as `checked_threshold` does.
    """
    if name == "ideal":
        from protocols.ideal.engine import IdealEngine

        return IdealEngine(parties)
    if name == "rounding":
        from protocols.ideal.rounding import RoundingEngine

        return RoundingEngine(parties)
    threshold = checked_threshold(name, parties, threshold)
    if name == "replicated":
        from protocols.replicated.engine import ReplicatedEngine

        return ReplicatedEngine()
    from protocols.shamir.engine import ShamirEngine

    return ShamirEngine(parties, threshold)
