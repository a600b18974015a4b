"""The errors of Comity, each with what an operator can do about it.

Messages say what was expected, what came and where; never a secret, a share or a data value. A party sends its
peers an error's class, label and source line, never its message.
"""

from __future__ import annotations


class ComityError(Exception):
    """Base of all errors that Comity raises on purpose. `exit_code`: the exit status of the command line."""

    exit_code = 1
    #: "file, line N" of the scenario line whose operation failed; filled in by the runtime.
    source: str | None = None


class ConfigError(ComityError):
    """A file, an option or a name is wrong. Nothing was sent yet. Correct what the message names and start again."""

    exit_code = 2


class Stopped(ComityError):
    """This party's operator stopped it. The organizations that it was connected to know."""

    exit_code = 130


class DataError(ComityError):
    """Data does not fit its declared schema. Only its owner sees the message, which counts rows and shows none."""

    exit_code = 2


class AgreementError(ComityError):
    """The parties would not run the same thing. Compare the difference shown and agree on one version."""

    exit_code = 4


class PolicyError(ComityError):
    """An owner's rule, or the agreed list of releases, forbids this. The message names the rule."""

    exit_code = 5


class LocalProtocolError(ComityError):
    """The scenario, or Comity itself, broke a rule of the runtime. The message names the line and the remedy."""

    exit_code = 1


class ScenarioError(LocalProtocolError):
    """The scenario's script does something that cannot work. Correct the line that the message names."""

    #: The class of Python's error.
    kind = ""

    def brief(self) -> ScenarioError:
        """This error without its message, which may quote opened values."""
        error = ScenarioError(
            f"{self.kind or 'an error'} in the script. Rows have been read, so its message is not shown: it could "
            "quote opened values. `comity plan --mock` and `simulate` show it on made-up rows"
        )
        error.kind, error.source = self.kind, self.source
        return error


class ShapeError(LocalProtocolError):
    """Shapes or types of operands do not fit together."""


class UnknownLength(ShapeError, TypeError):
    """The number of rows of a private table is not public: `count()` gives it as a secret."""


class RangeError(LocalProtocolError):
    """A result could exceed the ring. Declare narrower ranges, rescale, `clip`, or state `x.within(limit)`."""


class BoundExceeded(LocalProtocolError):
    """A value is beyond its bound: a checked assumption does not hold, or the bound of some operation is wrong."""


class ShareNeeded(LocalProtocolError):
    """Rows would have to leave their owner for this. Say so with `share()`, or reduce them first."""


class TooMuchInFlight(LocalProtocolError):
    """More work was scheduled than may wait in memory. `await study.settle(x)` where the loop allows it."""


class PeerError(ComityError):
    """Something about one peer; `.peer` is its name where it is known, else its index."""

    def __init__(self, message: str, *, peer: str | int | None = None) -> None:
        super().__init__(message)
        self.peer = peer


class RemoteProtocolError(PeerError):
    """A peer sent something malformed, oversized or out of order. Its version may differ, or it misbehaves."""

    exit_code = 4


class CheckFailed(ComityError):
    """A MAC, commitment or consistency check failed. `.culprit` is a party's index where it is known."""

    exit_code = 4

    def __init__(self, message: str, *, culprit: int | None = None) -> None:
        super().__init__(message)
        self.culprit = culprit


class ChannelError(PeerError):
    """The way to a peer is unusable."""

    exit_code = 3


class AuthenticationError(ChannelError):
    """A peer is not who it must be, or refused us. Compare fingerprints; exchange cards again."""

    exit_code = 4


class PeerLost(ChannelError):
    """A peer cannot be reached any more, or ended. See its log."""


class PeerStopped(PeerLost):
    """A peer's operator stopped it. Ask there, and start again together."""


class PeerTimeout(ChannelError):
    """A peer did not connect, or makes no progress. See its log, or allow it more time."""


class RemoteError(ChannelError):
    """A peer ended the run because of an error there. It sends the error's class and line, never its message."""


def source_line(source: str | None) -> str:
    """An operation's place in the script, for messages."""
    return source if source is not None else "an unknown line"
