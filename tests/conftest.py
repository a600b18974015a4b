"""Hypothesis profiles: few examples without a deadline by default, more with HYPOTHESIS_PROFILE=thorough; with `reach`,
as many as show which lines are reached. Examples are drawn from the types alone: by default Hypothesis also reads the
constants of all modules of the project that are imported by then, which takes ten seconds of each worker, and makes the
examples of a test depend on the tests before it.

Signals are what they are at a terminal, also where the tests were started in the background by a shell, which ignores
Ctrl-C for those: processes started here take that over otherwise.
"""

from __future__ import annotations

import os
import signal
import threading

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

if hasattr(providers, "_local_constants"):  # its own name, and so it may change
    providers._get_local_constants = lambda: providers._local_constants

_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("comity", max_examples=25, **_COMMON)
settings.register_profile("ci", max_examples=25, derandomize=True, **_COMMON)
settings.register_profile("reach", max_examples=5, derandomize=True, **_COMMON)
settings.register_profile("thorough", max_examples=400, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "comity"))

if threading.current_thread() is threading.main_thread():
    for _name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if (_signal := getattr(signal, _name, None)) is not None and signal.getsignal(_signal) is signal.SIG_IGN:
            signal.signal(_signal, signal.default_int_handler if _signal == signal.SIGINT else signal.SIG_DFL)
