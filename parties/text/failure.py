"""The message and the exit code of an error that ends a process."""

from __future__ import annotations

import errno
import os
import traceback

from mpc.errors import ComityError
from mpc.text import visible
from parties.text.echo import echo, echo_message

#: Errors of files, disks and limits of the machine: they are no defect of Comity.
_ERRORS_OF_THE_MACHINE = {
    *(errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EISDIR, errno.ELOOP, errno.EMFILE),
    *(errno.ENAMETOOLONG, errno.ENFILE, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS),
}


def report_error(error: Exception) -> int:
    """Print an error for people and return the exit code. With COMITY_DEBUG, print the traceback, too."""
    if isinstance(error, ComityError):
        text, code = str(error), error.exit_code
        hint = " ".join(str(type(error).__doc__ or "").split()) if "\n" not in text and not error.source else ""
        if error.source:
            text += f"\n  at {visible(error.source)}"
    elif isinstance(error, OSError) and error.errno in _ERRORS_OF_THE_MACHINE:
        where = f"{visible(os.fsdecode(error.filename))}: " if isinstance(error.filename, str | bytes) else ""
        text, code = f"{where}{os.strerror(error.errno or 0)}", 2
        hint = "This machine refused it. Make room or change permissions, and start again."
    else:
        # The message is not shown: it may quote data.
        last = traceback.extract_tb(error.__traceback__)[-1]
        kind = getattr(error, "kind", type(error).__name__)  # `kind` and `where`: a defect in a child process
        place = getattr(error, "where", f"{os.path.basename(last.filename)}, line {last.lineno}")
        text, code = f"unexpected {kind} ({place})", 1
        hint = "This is a defect. COMITY_DEBUG=1 shows where it comes from."
    echo_message(f"error: {text}")
    if hint:
        echo(hint, err=True)
    if os.environ.get("COMITY_DEBUG"):
        echo_message("".join(traceback.format_exception(error)).rstrip())
    return code
