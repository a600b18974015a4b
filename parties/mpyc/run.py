"""A party of an MPyC program: agree, run the program as `python program.py` would, end.

The program has the main thread, its event loop and `sys.argv`, as under MPyC; the session runs in a second thread
(`exchange` says why).
"""

from __future__ import annotations

import asyncio
import os
import runpy
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from mpc.errors import ComityError, LocalProtocolError
from mpc.text import visible_lines
from parties.mpyc import guard
from parties.mpyc.ending import end_as_python_does, end_children, what_is_left
from parties.mpyc.exchange import Exchange
from parties.mpyc.sources import program_sources
from parties.mpyc.study import ProgramStudy, agreed_program
from parties.mpyc.watch import PATIENCE_S, Watch, end_process, flush, print_program_error
from parties.net.session import Session
from parties.organization.home import Home
from parties.run.outcome import Limits
from parties.run.participants import bystanders, participants
from parties.study.difference import difference
from parties.study.document import study_hash
from parties.system.memory import keep_freed
from parties.system.stopping import listening
from parties.text.echo import echo


class SessionThread:
    """A session in another thread, with an event loop of that thread."""

    def __init__(self) -> None:
        self.loop = self._new_loop()
        self.session: Session | None = None
        self._thread = threading.Thread(target=self.loop.run_forever, name="comity session", daemon=True)
        self._thread.start()

    @staticmethod
    def _new_loop() -> asyncio.AbstractEventLoop:
        try:
            import uvloop
        except ImportError:  # not on Windows
            return asyncio.SelectorEventLoop()
        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        return loop

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the session's loop, and wait for its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def fail(self, error: ComityError) -> None:
        """The program failed, or its operator stops it: tell the peers at once."""
        self.loop.call_soon_threadsafe(self._fail, error)

    def _fail(self, error: ComityError) -> None:
        if self.session is not None:
            self.session.fail(error)

    def finish(self, error: ComityError | None) -> None:
        if self.session is not None:
            self.call(self.session.finish(error))


class Party:
    """This organization's part of one program."""

    def __init__(
        self,
        home: Home,
        study: ProgramStudy,
        program: Path,
        arguments: Sequence[str],
        *,
        limits: Limits,
        status: Callable[[str], None],
        report: Callable[[Exception], int],
    ) -> None:
        self._home = home
        self._study = study
        self._program = program
        self._arguments = list(arguments)
        self._limits = limits
        self._status = status
        self._report = report
        self._thread = SessionThread()
        self._ending: asyncio.Task[None] | None = None

    def run(self) -> int:
        """Run the program; its exit code. Raises ComityError if the run fails, SystemExit for MPyC's help.

        If the program raises an exception, its traceback is printed, and peers are told that it ended.
        """
        keep_freed()
        study = self._study
        index = study.index(self._home.name)
        study.check_date(date.today())
        sources = program_sources(self._program)
        mpc = guard.load(
            str(self._program),
            self._arguments,
            index=index,
            parties=len(study.participants),
            threshold=study.threshold,
        )
        document = agreed_program(
            study,
            keys=self._home.keys(),
            program=self._program.name,
            sources=sources,
            arguments=self._arguments,
            mpyc=guard.mpyc_version(),
            settings=guard.settings(mpc),
        )
        watch = Watch(mpc._loop, self._thread.fail)
        error: ComityError | None = None
        try:
            with listening(self._thread.fail):
                exchange = self._thread.call(self._open(document, index, mpc, watch))
                from parties.mpyc import lifecycle

                assert self._thread.session is not None
                lifecycle.install(mpc, exchange, watch, self._thread.session.run_id)
                code = self._execute()
            if watch.failure is not None:
                raise watch.failure
            if code:
                error = LocalProtocolError("SystemExit")
            return code
        except ComityError as failure:
            error = failure
            if failure.__cause__ is not None:
                print_program_error(failure.__cause__, str(self._program))
            raise
        except BaseException as failure:
            error = LocalProtocolError(type(failure).__name__)
            if watch.failure is not None:
                error = watch.failure
                raise watch.failure from failure
            if isinstance(failure, Exception):
                print_program_error(failure, str(self._program))
                return 1
            raise
        finally:
            self._thread.finish(error)
            if error is not None:
                end_children()

    async def _open(self, document: dict[str, Any], index: int, mpc: Any, watch: Watch) -> Exchange:
        session = Session(
            identity=self._home.identity,
            participants=participants(self._home, self._study.participants),
            index=index,
            listen=self._home.consortium.listen,
            document=document,
            study_hash=study_hash(document),
            explain=difference,
            known=bystanders(self._home, self._study.participants),
            wait=self._limits.wait,
            grace=self._limits.grace,
            stall=self._limits.stall,
            status=self._status,
        )
        self._thread.session = session
        exchange = Exchange(session, self._thread.loop, mpc._loop, watch.fail)
        session.attach(progress=lambda: exchange.progress, waiting=lambda: None)
        await session.open()
        session.failed.add_done_callback(lambda failed: self._lost(mpc, watch, failed.result()))
        return exchange

    def _lost(self, mpc: Any, watch: Watch, error: ComityError) -> None:
        """In the session's thread, when the run has failed: end the process, unless the program ends soon."""
        mpc._loop.call_soon_threadsafe(watch.fail, error)
        self._thread.loop.call_later(PATIENCE_S, end_process, error, self._report)

    def _execute(self) -> int:
        """Run the program in this thread, as Python runs a script."""
        sys.path.insert(0, os.path.dirname(os.path.abspath(self._program)))
        code: object = 0
        try:
            runpy.run_path(str(self._program), run_name="__main__")
        except SystemExit as ended:
            code = ended.code
        if code is not None and not isinstance(code, int):
            echo(*visible_lines(str(code)), err=True)
            code = 1
        self._end_the_program()
        return code or 0

    def _end_the_program(self) -> None:
        """Wait for threads and processes of the program, as Python does, but at most `--stall` seconds."""
        loop = self._thread.loop
        loop.call_soon_threadsafe(loop.call_later, self._limits.stall, self._give_up)
        end_as_python_does()

    def _give_up(self) -> None:
        """In the session's thread: tell the peers that the program is done, and end the process."""
        self._status(
            f"the program has ended, but {what_is_left()} has not: the process is ended after {self._limits.stall:g} s"
        )
        self._ending = self._thread.loop.create_task(self._end())

    async def _end(self) -> None:
        assert self._thread.session is not None
        await self._thread.session.finish(None)
        end_children()
        flush()
        os._exit(1)
