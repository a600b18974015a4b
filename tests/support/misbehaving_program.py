"""`comity mpyc` of a party that breaks the rules: misbehaving_program.py HOW FILE mpyc STUDY PROGRAM ...

HOW  pickle   what is sent after the keys is a pickle that makes FILE where it is unpickled
     length   a byte more than there are elements        element   numbers that are none of the field
     cut      a message in two, with another in between  index     a hello as another party
"""

import os
import pickle
import sys
from typing import Any

import numpy as np

from parties.cli.main import main
from parties.mpyc.exchange import Exchange
from parties.net.meeting import Meeting

HOW, FILE = sys.argv.pop(1), sys.argv.pop(1)
_send, _greeting = Exchange.send, Meeting.greeting
_sent = 0


class Bomb:
    def __reduce__(self) -> Any:
        return os.mkdir, (FILE,)


def _misbehave(self: Exchange, peer: int, label: bytes, payload: Any) -> None:
    global _sent
    _sent += 1
    data = payload if isinstance(payload, bytes) else payload.tobytes()
    if _sent > 2:  # the first two are the keys
        if HOW == "pickle":
            data = pickle.dumps(Bomb())
        elif HOW == "length":
            data += b"\0"
        elif HOW == "element":
            data = b"\xff" * len(data)
        elif HOW == "cut":
            lane = self._lanes[peer]
            self._outgoing.append((lane, label + (1).to_bytes(4, "little"), np.frombuffer(data, np.uint8)))
    _send(self, peer, label if HOW != "cut" or _sent < 3 else bytes(16), data)


def _greeting_as_another(self: Meeting, lane: Any) -> dict[str, Any]:
    return {**_greeting(self, lane), "index": lane.index}


if __name__ == "__main__":
    if HOW == "index":
        Meeting.greeting = _greeting_as_another  # type: ignore[method-assign]
    else:
        Exchange.send = _misbehave  # type: ignore[method-assign]
    main()
