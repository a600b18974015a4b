"""The end of a program: the same steps, in the same order, as Python after the last line of a script.

Executors stop accepting work, threads that are not daemons are joined, and exit handlers run (those of
`multiprocessing` join child processes). A program may use its peers meanwhile, so the session is still open.
"""

from __future__ import annotations

import atexit
import multiprocessing
import threading


def end_as_python_does() -> None:
    """Wait until all that the program started has ended. Call it in the main thread."""
    # Among these functions is that of `concurrent.futures`, which tells its workers that no more work comes.
    for function in reversed(list(getattr(threading, "_threading_atexits", ()))):
        function()
    while threads := _others():
        for thread in threads:
            thread.join()
    atexit._run_exitfuncs()


def end_children() -> None:
    """End the processes that the program started."""
    for child in multiprocessing.active_children():
        child.terminate()


def what_is_left() -> str:
    """The threads and processes that the end of the program waits for, in words."""
    names = [f"the thread {thread.name}" for thread in _others()]
    names += [f"the process {child.name}" for child in multiprocessing.active_children() if not child.daemon]
    return ", ".join(names) or "an exit handler"


def _others() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
