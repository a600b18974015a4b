"""`comity` of a member that breaks the rules: misbehaving_party.py HOW run STUDY ...

HOW  oversized  a frame longer than allowed      garbage  a frame of a kind that does not exist
     hello      a second hello                   index    a hello as another party
"""

import sys
from typing import Any

from parties.cli.main import main
from parties.net import frames
from parties.net.meeting import Meeting
from parties.net.session import Session

HOW = sys.argv.pop(1)
_attach, _greeting = Session.attach, Meeting.greeting


def _attach_and_misbehave(self: Session, **given: Any) -> None:
    _attach(self, **given)
    for lane in self.peers:
        bad = {
            "oversized": frames.header(frames.DATA, (4 << 20) + 1, lane.sent + 1, 0, frames.NO_TAG),
            "garbage": frames.header(77, 10, lane.sent + 1, 0, frames.NO_TAG) + bytes(10),
            "hello": frames.control(frames.HELLO, self.greeting(lane)),
        }[HOW]
        self.links[lane.index].write(bad)


def _greeting_as_another(self: Meeting, lane: Any) -> dict[str, Any]:
    return {**_greeting(self, lane), "index": lane.index}


if __name__ == "__main__":
    if HOW == "index":
        Meeting.greeting = _greeting_as_another  # type: ignore[method-assign]
    else:
        Session.attach = _attach_and_misbehave  # type: ignore[method-assign]
    main()
