"""How a run's end is told: what a party says when it fails, and what the others make of it.

Only the error's class, label and source line are told, and which party it is about; never its message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mpc.errors import (
    AgreementError,
    AuthenticationError,
    CheckFailed,
    ComityError,
    PeerLost,
    PeerStopped,
    PeerTimeout,
    RemoteError,
    RemoteProtocolError,
    Stopped,
)
from mpc.text import visible
from parties.net.frames import text
from parties.net.liveness import Liveness

#: An error that we are about to find ourselves, or to hear from its finder, is waited for so long.
_OWN_FINDING_S = 2.0
_EXIT_4 = {cls.__name__ for cls in (AgreementError, AuthenticationError, CheckFailed, RemoteProtocolError)}


class Named(Protocol):
    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class Reason:
    """Why a peer ended the run."""

    kind: str
    label: str
    source: str
    about: int | None

    @classmethod
    def read(cls, message: dict[str, Any], parties: int) -> Reason:
        """RemoteProtocolError when it is malformed."""
        about = message.get("about")
        if about is not None and (type(about) is not int or not 0 <= about < parties):
            raise RemoteProtocolError("a farewell about a party that does not exist")
        kind = "".join(c for c in text(message, "kind", 60) if c.isalnum() or c == "_")
        return cls(kind, text(message, "label", 32), text(message, "source"), about)


def farewell(error: ComityError, indices: Mapping[str, int], place: tuple[str, str] | None) -> dict[str, Any]:
    """The message that tells peers of `error`."""
    peer: object = getattr(error, "peer", None)
    if isinstance(error, CheckFailed):
        peer = error.culprit
    about = indices.get(peer) if isinstance(peer, str) else peer
    label, source = place or ("", "")
    return {
        "kind": type(error).__name__,
        "label": visible(str(getattr(error, "label", None) or label), 32),
        "source": visible(error.source or source, 200),
        "about": about,
    }


def verdict(
    reason: Reason, sender: int, own: int, parties: Sequence[Named], liveness: Liveness, *, in_agreement: bool
) -> tuple[float, ComityError]:
    """(seconds to wait for a finding of our own, the error that ends our run too)."""
    name = parties[sender].name
    where = f" at {reason.source}" if reason.source else ""
    about = None if reason.about is None else parties[reason.about].name
    error: ComityError
    cls: type[PeerLost | PeerTimeout]
    if reason.kind == Stopped.__name__:
        return 0.0, PeerStopped(f"{name} was stopped by its operator{liveness.here()}", peer=name)
    if reason.kind == PeerStopped.__name__ and about is not None and reason.about != own:
        said = f"{about} was stopped by its operator, as {name} reports{liveness.here()}"
        return 0.0, PeerStopped(said, peer=about)
    if reason.kind in (PeerLost.__name__, PeerTimeout.__name__) and about is not None and reason.about != own:
        cls, what = PeerLost, "stopped answering"
        if reason.kind == PeerTimeout.__name__:
            cls, what = PeerTimeout, "has not come" if in_agreement else "makes no progress"
        error = cls(f"{about} {what}, as {name} reports{where}{liveness.here()}", peer=about)
        error.source = reason.source or None
        return 0.0, error
    if (
        reason.kind == AgreementError.__name__
        and not in_agreement
        and liveness.watches[own].idle
        and liveness.watches[sender].idle
    ):
        return _OWN_FINDING_S, liveness.divergence()
    whom = "" if about is None else f" about {'us' if reason.about == own else about}"
    error = RemoteError(f"{name} ended the run: {reason.kind}{whom}{where}. See its log", peer=name)
    error.source = reason.source or None
    if reason.kind in _EXIT_4:
        error.exit_code = 4
    late = reason.kind == AgreementError.__name__
    relayed = reason.kind == RemoteError.__name__  # whoever it is about tells us, too, and says why
    return (_OWN_FINDING_S if late or relayed else 0.0), error


def ended_early(name: str, place: tuple[str, str] | None) -> AgreementError:
    """For whoever waits for a message of a party that has ended its script."""
    here = "" if place is None else f" for {place[0]} ({place[1]})"
    return AgreementError(
        f"{name} has ended its script, and we still wait for a message of it{here}: the scripts went different ways. "
        "A scenario must not branch on what one party alone knows."
    )
