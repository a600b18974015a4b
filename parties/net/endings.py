"""How a run ends: the farewell that a failing party sends, and the error that its peers raise.

A farewell has the error's class, label and source line, and which party it is about; never its message.
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

#: A farewell may name a cause that we are about to see ourselves, or to hear from another peer: we wait so long for it.
_CAUSE_S = 2.0
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
        """The reason in a farewell; RemoteProtocolError if it is malformed."""
        about = message.get("about")
        if about is not None and (type(about) is not int or not 0 <= about < parties):
            raise RemoteProtocolError("a farewell about a party that does not exist")
        kind = "".join(c for c in text(message, "kind", 60) if c.isalnum() or c == "_")
        return cls(kind, text(message, "label", 32), text(message, "source"), about)


def farewell(error: ComityError, indices: Mapping[str, int], place: tuple[str, str] | None) -> dict[str, Any]:
    """The farewell to the peers after `error`. `place` is the label and source line at which this party is."""
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
    reason: Reason, sender: int, index: int, parties: Sequence[Named], liveness: Liveness, *, in_agreement: bool
) -> tuple[float, ComityError]:
    """(seconds to wait for a better error, the error that ends the run of party `index`, too)."""
    name = parties[sender].name
    where = f" at {reason.source}" if reason.source else ""
    about = None if reason.about is None else parties[reason.about].name
    error: ComityError
    cls: type[PeerLost | PeerTimeout]
    if reason.kind == Stopped.__name__:
        return 0.0, PeerStopped(f"{name} was stopped by its operator{liveness.here()}", peer=name)
    if reason.kind == PeerStopped.__name__ and about is not None and reason.about != index:
        said = f"{about} was stopped by its operator, as {name} reports{liveness.here()}"
        return 0.0, PeerStopped(said, peer=about)
    if reason.kind in (PeerLost.__name__, PeerTimeout.__name__) and about is not None and reason.about != index:
        cls, what = PeerLost, "stopped answering"
        if reason.kind == PeerTimeout.__name__:
            cls, what = PeerTimeout, "has not come" if in_agreement else "makes no progress"
        error = cls(f"{about} {what}, as {name} reports{where}{liveness.here()}", peer=about)
        error.source = reason.source or None
        return 0.0, error
    if (
        reason.kind == AgreementError.__name__
        and not in_agreement
        and liveness.watches[index].idle
        and liveness.watches[sender].idle
    ):
        return _CAUSE_S, liveness.divergence()
    whom = "" if about is None else f" about {'us' if reason.about == index else about}"
    error = RemoteError(f"{name} ended the run: {reason.kind}{whom}{where}. See its log", peer=name)
    error.source = reason.source or None
    if reason.kind in _EXIT_4:
        error.exit_code = 4
    ours_follows = reason.kind == AgreementError.__name__
    relayed = reason.kind == RemoteError.__name__  # the party that failed first sends us its farewell, too
    return (_CAUSE_S if ours_follows or relayed else 0.0), error


def ended_early(name: str, place: tuple[str, str] | None) -> AgreementError:
    """The error of a receiver that waits for a message from a party that has ended its script."""
    here = "" if place is None else f" for {place[0]} ({place[1]})"
    return AgreementError(
        f"{name} has ended its script, and we still wait for a message from it{here}: the scripts went different ways. "
        "A scenario must not branch on what one party alone knows."
    )
