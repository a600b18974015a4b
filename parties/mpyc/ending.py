"""The end of a program: what Python does after the last line of a script, in the same order.

Executors are told that no more work comes, threads that are no daemons are joined, and exit handlers run (those of
`multiprocessing` join child processes). A program may use its peers in all of that, so the session is still open.
"""

from __future__ import annotations

import atexit
import multiprocessing
import threading


def end_as_python_does() -> None:
    """Returns when nothing that the program started is left; for the main thread."""
    # `concurrent.futures` waits for its workers there: they are no daemons, and wait for work until they are told.
    for told in reversed(list(getattr(threading, "_threading_atexits", ()))):
        told()
    while threads := _others():
        for thread in threads:
            thread.join()
    atexit._run_exitfuncs()


def end_children() -> None:
    """Processes that the program started are not waited for any more."""
    for child in multiprocessing.active_children():
        child.terminate()


def what_is_left() -> str:
    """The threads and processes that a program's end still waits for, in words."""
    names = [f"the thread {thread.name}" for thread in _others()]
    names += [f"the process {child.name}" for child in multiprocessing.active_children() if not child.daemon]
    return ", ".join(names) or "an exit handler"


def _others() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
