"""Stands in for the processes of another system: answers as `FAKE_MPYC` says, without computing anything."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


def tell(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def main() -> None:
    how = os.environ["FAKE_MPYC"]
    place = json.loads(sys.stdin.readline())
    assert os.path.isdir(place["folder"])
    tell({"version": f"7.7 among {place['parties']}, threshold {place['threshold']}"})
    for line in sys.stdin:
        asked = json.loads(line)
        if how == "silent":
            time.sleep(600)
        if how == "dies" and asked["workload"] == "open":
            sys.exit("it fell over")
        # A thousandth of a second for each element at party 0, half of that at the others.
        each = asked["size"] * 1e-3 / (1 + (place["index"] > 0))
        time.sleep(min(each, 0.05))
        tell({"seconds": [each] * asked["repeat"], "error": 0.5 * place["index"]})
    if how == "stays":
        time.sleep(600)


main()
