"""The program `comity`. From here on, Ctrl-C while modules are imported ends it without a word."""

from __future__ import annotations

import sys
from typing import NoReturn


def entry() -> NoReturn:
    """Start in a clean environment, then do what the command line asks for."""
    try:
        from parties import startup

        startup.end_quietly()
    except KeyboardInterrupt:
        sys.exit(130)
    startup.start_anew()
    from parties.cli.main import entry as run

    run()
