"""All parties of a program on this machine: processes with temporary keys, cards and TLS.

Party 0 has this terminal, as with MPyC's `-M`. The output of the other parties goes to files.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from parties import startup
from parties.data.toml import quoted
from parties.local.launch import Member, consortium, threads_per_party
from parties.text.echo import echo_message

#: A party that was asked to end has so long before it is killed.
_TERMINATE_S = 2.0
#: Once a party has failed, the others have so long to notice it; they should, within the grace period.
_AFTERWARDS_S = 15.0
#: Exit codes in the order in which they explain a failure, see mpc.errors; codes of the program stand between.
_CAUSES = {2: 0, 1: 1, 5: 2, 4: 4, 3: 5}
_TAIL = 4000


def run_local(
    parties: int,
    threshold: int,
    program: Path,
    arguments: Sequence[str],
    *,
    options: Sequence[str] = (),
    output: Path | None = None,
) -> int:
    """Run all parties. The exit code of the party that explains a failure; 0 if all ended with 0.

    output  a folder for the output of each party but the first: party-1.log, …
    """
    names = [f"party-{i:0{len(str(parties - 1))}}" for i in range(parties)]
    with consortium(names) as members, ExitStack() as files:
        folder = next(iter(members.values())).home.parent
        study = folder / "program.toml"
        study.write_text(_study(names, threshold), encoding="utf-8")
        logs = folder if output is None else output
        logs.mkdir(parents=True, exist_ok=True)
        processes: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name, member in reversed(members.items()):
                out: IO[bytes] | None = None
                if name != names[0]:
                    out = files.enter_context(open(logs / f"{name}.log", "wb"))
                processes[name] = _start(member, study, program, arguments, options, parties, out)
            codes = _wait(processes)
        finally:
            _stop(processes)
        return _cause(names, codes, logs, output)


def _study(names: Sequence[str], threshold: int) -> str:
    lines = ['purpose = "An MPyC program on one machine"', f"threshold = {threshold}", ""]
    for name in names:
        lines += [f"[organizations.{quoted(name)}]", 'roles = ["compute"]', ""]
    return "\n".join(lines)


def _start(
    member: Member,
    study: Path,
    program: Path,
    arguments: Sequence[str],
    options: Sequence[str],
    parties: int,
    out: IO[bytes] | None,
) -> subprocess.Popen[bytes]:
    command = [*startup.command("parties.cli"), "mpyc", "--home", str(member.home), *options, "--", str(study)]
    return subprocess.Popen(
        [*command, str(program), *arguments],
        stdin=None if out is None else subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        env={**startup.environment(), **threads_per_party(parties)},
    )


def _wait(processes: dict[str, subprocess.Popen[bytes]]) -> dict[str, int]:
    """The exit codes. Once a party has failed, the others have _AFTERWARDS_S seconds to end themselves."""
    codes: dict[str, int] = {}
    failed: float | None = None
    while len(codes) < len(processes):
        for name, process in processes.items():
            if name in codes:
                continue
            try:
                codes[name] = process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            if codes[name] and failed is None:
                failed = time.monotonic()
        if failed is not None and time.monotonic() - failed > _AFTERWARDS_S:
            break
    return codes


def _stop(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in processes.values():
        if process.poll() is None:
            process.terminate()
    for process in processes.values():
        try:
            process.wait(_TERMINATE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _cause(names: Sequence[str], codes: dict[str, int], logs: Path, output: Path | None) -> int:
    """The exit code of the party whose failure explains the others; its output is printed if it was not seen."""
    failed = {name: code for name, code in codes.items() if code}
    if not failed:
        return 0
    cause = min(failed, key=lambda name: _CAUSES.get(failed[name], 3 if failed[name] > 0 else 6))
    if cause != names[0]:
        text = (logs / f"{cause}.log").read_text(encoding="utf-8", errors="replace")[-_TAIL:]
        where = "" if output is None else f" ({logs / f'{cause}.log'})"
        echo_message(f"{cause} ended with exit code {failed[cause]}{where}:\n{text.rstrip()}")
    code = failed[cause]
    return code if code > 0 else 3
