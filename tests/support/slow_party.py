"""`comity`, but reading the rows takes long: slow_party.py SECONDS run STUDY ..."""

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from parties.cli.main import main
from parties.data.dataset import SourceRows

SECONDS = float(sys.argv.pop(1))
_quickly = SourceRows.batches


def _slowly(self: SourceRows, columns: Any) -> Iterator[Any]:
    time.sleep(SECONDS)
    yield from _quickly(self, columns)


if __name__ == "__main__":
    SourceRows.batches = _slowly  # type: ignore[method-assign]
    try:
        main()
    except SystemExit as ended:  # as `comity` ends: without waiting for threads
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 0)
