"""The demo: a scenario between organizations on this machine, as processes over TLS, compared with the clear."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpc.errors import ConfigError
from mpc.machine.network import Network
from mpc.tables.schema import LARGEST_INTEGER, Column, IntegerColumn, RealColumn
from parties.data.dataset import SourceRows, open_dataset
from parties.data.source import Dataset
from parties.data.toml import key, quoted
from parties.local.launch import Ended, Launched, bring, consortium
from parties.local.oracle import MOST_ROWS, OracleFailed, attempted, compared, pooled, smallest, uncompared
from parties.local.samples import deal, given, samples, write
from parties.study.confined import Limits
from parties.study.loader import Loaded, folder, load
from parties.study.plan import BoundStudy
from parties.study.rehearsal import tried_study
from parties.study.trust import choose
from parties.system.events import Event
from parties.text.echo import echo
from protocols.engines import MOST, REPLICATED_PARTIES

#: The name of the helper that joins two organizations.
HELPER = "helper"


@dataclass(frozen=True)
class Demo:
    """A demo: the scenario, each organization's roles, and its files by input.

    dealt  in place of `files`, rows to be written to temporary files: organization -> input -> text
    """

    loaded: Loaded
    roles: Mapping[str, Sequence[str]]
    files: Mapping[str, Mapping[str, Path]]
    dealt: Mapping[str, Mapping[str, str]]
    engine: str
    threshold: int

    @property
    def names(self) -> list[str]:
        return list(self.roles)


class DemoFailed(Exception):
    """A party ended with an error; its message and exit code are those of the demo."""

    def __init__(self, ended: Ended) -> None:
        how = f"was ended by {signal.Signals(-ended.code).name}" if ended.code < 0 else f"ended with code {ended.code}"
        super().__init__(ended.stderr.strip() or f"{ended.name} {how}")
        self.code = ended.code if ended.code > 0 else 3


def prepare(
    scenario: str,
    organizations: int | None,
    data: Sequence[Path],
    engine: str | None = None,
    threshold: int | None = None,
) -> Demo:
    """Decide which organizations take part with which files. Raises ConfigError.

    organizations  how many bring data (default: as many as there are files in `data`, else as in the sample data, else
                   three); two are joined by a helper that only computes. With the engine replicated, only the first
                   three compute
    data           files as `parties.local.samples.given` reads them: FILE, or INPUT=FILE; or one folder with files that
                   are named as sample files are
    engine, threshold   as a study names them (default: as for studies; for more than 20 organizations, replicated)
    """
    loaded = load(scenario)
    where = data[0] if len(data) == 1 and data[0].is_dir() else None
    files: dict[str, dict[str, Path]] = {} if data and where is None else samples(loaded, where)
    if where is not None and not files:
        inputs = ", ".join(f"ORGANIZATION.{which}.csv" for which in loaded.scenario.inputs)
        raise ConfigError(f"--data {where}: no files named {inputs} (or .parquet) in this folder")
    count = organizations if organizations is not None else len(files) or 3
    if count < 1:
        raise ConfigError(f"--organizations {count}: at least one brings data")
    dealt: dict[str, dict[str, str]] = {}
    if data and where is None:
        count, brought = given(loaded, data, organizations)
        files = dict(zip(_numbered(count), brought, strict=True))
    elif len(files) != count:
        files, dealt = {}, deal(loaded, _numbered(count))
    roles = {name: _roles(loaded, brought) for name, brought in (files or dealt).items()}
    if engine is None and len(roles) > MOST:  # more than can compute together
        engine = "replicated"
    if engine == "replicated":
        for name in list(roles)[REPLICATED_PARTIES:]:
            roles[name].remove("compute")
    if count == 2:
        roles[HELPER] = ["compute"]
    compute = [name for name, assigned in roles.items() if "compute" in assigned]
    chosen, threshold = choose(compute, engine, threshold)
    return Demo(loaded, roles, files, dealt, chosen, threshold)


def _roles(loaded: Loaded, brought: Iterable[str]) -> list[str]:
    """The roles of an organization that brings these inputs."""
    inputs = [loaded.scenario.inputs[which] for which in brought]
    split = ["input"] if any(entry.holder is None for entry in inputs) else []
    return [*split, "compute", "recipient", *dict.fromkeys(entry.holder for entry in inputs if entry.holder)]


def _numbered(count: int) -> list[str]:
    """Names whose alphabetical order is that of their numbers."""
    width = len(str(count))
    return [f"organization-{i + 1:0{width}}" for i in range(count)]


def study_toml(demo: Demo, parameters: Mapping[str, Any], widen: float = 1.0, network: Network | None = None) -> str:
    """The study of a demo, as a person would write it; every declared range `widen` times as wide."""
    path = demo.loaded.path
    bundled = path.parent == folder()
    lines = [
        f"scenario = {quoted(demo.loaded.name if bundled else str(path.resolve()))}",
        'purpose = "Demonstration on one machine"',
        f"engine = {quoted(demo.engine)}",
        f"threshold = {demo.threshold}",
        "",
    ]
    if parameters:
        lines += ["[parameters]", *[f"{name} = {_toml(value)}" for name, value in parameters.items()], ""]
    if widen != 1:
        for which, schema in demo.loaded.scenario.schemas().items():
            numbers = (RealColumn, IntegerColumn)
            ranges = [_wider(column, widen) for column in schema.columns if isinstance(column, numbers)]
            lines += [f"[ranges.{key(which)}]", *ranges, ""]
    if network is not None:
        lines += ["[network]", f'rtt = "{_us(network)}"', f'bandwidth = "{_kbits(network)}"', ""]
    for name, roles in demo.roles.items():
        lines += [f"[organizations.{quoted(name)}]", f"roles = [{', '.join(map(quoted, roles))}]"]
        lines += [f"{which} = {quoted(which)}" for which in (demo.files or demo.dealt).get(name, ())]
        lines.append("")
    return "\n".join(lines)


def _wider(column: Column, factor: float) -> str:
    margin = (column.high - column.low) * (factor - 1) / 2
    if isinstance(column, IntegerColumn):
        low, high = max(column.low - int(margin), -LARGEST_INTEGER), min(column.high + int(margin), LARGEST_INTEGER)
        return f"{key(column.name)} = [{low}, {high}]"
    return f"{key(column.name)} = [{column.low - margin!r}, {column.high + margin!r}]"


def _us(network: Network) -> str:
    return f"{network.rtt_s * 1e6:.3f}us"


def _kbits(network: Network) -> str:
    return f"{network.bits_per_second / 1e3:.3f}k"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else repr(value)


def run(
    demo: Demo,
    *,
    parameters: Mapping[str, Any] | None = None,
    widen: float = 1.0,
    network: Network | None = None,
    compare: bool | None = None,
    options: Sequence[str] = (),
    on_event: Callable[[str, Event], None] | None = None,
    plan_timeout: float = 60.0,
) -> dict[str, Any]:
    """Run a demo. Returns the result document of the first recipient, with all organizations' rows and the oracle.

    network  named in the study; messages are held back as it would
    compare  whether to pool the data in the clear (default: if there are at most three million rows)
    Raises DemoFailed with a party's error, and ComityError if the script cannot run.
    """
    with consortium(demo.names) as members:
        directory = next(iter(members.values())).home.parent
        study = directory / "study.toml"
        study.write_text(study_toml(demo, parameters or {}, widen, network), encoding="utf-8")
        files = write(demo.dealt, directory / "dealt") if demo.dealt else demo.files
        for name, brought in files.items():
            for which, path in brought.items():
                bring(members[name], which, path)
        bound = tried_study(study, Limits(plan_timeout))
        if network is not None:
            options = [*options, "--shape", f"{_us(network)},{_kbits(network)}"]
        outside = [name for name, roles in demo.roles.items() if "compute" not in roles]
        first, shown = bound.plan.recipients[0], list(bound.loaded.said)

        def heard(name: str, line: str) -> bool:
            """Show what the first recipient's script prints, without the lines shown when it was loaded here."""
            if name == first and shown and line == shown[0]:
                del shown[0]
            elif name == first:
                echo(line, err=True)
            return True

        launched = Launched(
            members, study, options=options, submitting=outside, on_event=on_event, tried=True, heard=heard
        )
        try:
            oracle = _oracle(bound, files, compare)
            ended = launched.wait(stop_on_error=True)
        finally:
            launched.stop()
        return _joined(bound, ended, oracle)


class _TooMany(Exception):
    """A table has more rows than are pooled by default."""


def _few(rows: int, about: int) -> None:
    if rows > MOST_ROWS:
        raise _TooMany


def _oracle(
    bound: BoundStudy, files: Mapping[str, Mapping[str, Path]], compare: bool | None
) -> dict[str, Any] | OracleFailed | None:
    """The plaintext result, while the parties compute; None if it is not wanted or the data does not fit."""
    if compare is False or bound.loaded.scenario.oracle is None:
        return None
    from mpc.errors import DataError

    tables = {}
    try:
        for which, schema in bound.computation.schemas.items():
            sources: list[SourceRows] = []
            for name in bound.plan.participants:  # the order in which rows are shared
                if which in files.get(name, ()):
                    source = open_dataset(Dataset(which, str(files[name][which].resolve()), None, None), schema)
                    if compare is None:
                        source.on_rows = _few
                    sources.append(source)
            rows = sum(source.check().rows for source in sources)
            if compare is None and rows > MOST_ROWS:
                return None
            tables[which] = pooled(schema, sources)
    except _TooMany:
        return None
    except DataError:
        return None  # the party that brings the data reports the error, with its exit code
    return attempted(bound.loaded.scenario, tables, bound.computation.settings())


def _joined(
    bound: BoundStudy, ended: Mapping[str, Ended], oracle: dict[str, Any] | OracleFailed | None
) -> dict[str, Any]:
    failed = [e for e in ended.values() if e.code != 0]
    failed = [e for e in failed if not e.by_us] or failed
    if failed:
        # The party that says what is wrong, rather than parties that only lost it.
        order = {2: 0, 1: 1, 5: 2, 4: 3, 3: 4}
        raise DemoFailed(min(failed, key=lambda e: order.get(e.code, 5)))
    for name, e in ended.items():
        if e.result is None:
            raise DemoFailed(Ended(name, 1, [], f"error: {name} ended, but what it said of its results was not read"))
    results = {name: e.result.document for name, e in ended.items() if e.result is not None}
    result = results[bound.plan.recipients[0]]
    for name, other in results.items():
        result["organizations"][name] = other["organizations"][name]
    result["organization"] = ""
    phases: dict[str, float] = {}
    for other in results.values():
        for phase, seconds in other["phases"].items():
            phases[phase] = max(phases.get(phase, 0.0), seconds)
    result["phases"] = phases
    result["cost"]["bytes_sent"] = max(other["cost"]["bytes_sent"] for other in results.values())
    result["cost"]["seconds"] = phases["joint"]
    for name in bound.plan.recipients:  # some releases may go to some recipients only
        other = results[name]
        for release, value in other["releases"].items():
            if result["releases"].setdefault(release, value) != value:
                raise DemoFailed(Ended(name, 1, [], f"error: {name} received another value of {release!r} than others"))
        known = {line["name"] for line in result["manifest"]}
        result["manifest"] += [line for line in other["manifest"] if line["name"] not in known]
        for part in ("kinds", "protections", "unprotected"):
            result[part] |= other[part]
    if oracle is not None:
        zero = smallest(bound.computation.schemas.values())
        result["oracle"] = compared(bound.loaded.scenario, result["releases"], result["kinds"], oracle, zero=zero)
        if not isinstance(oracle, OracleFailed) and (left := uncompared(result["releases"], oracle)):
            result["notes"].append(f"not compared with the clear: {', '.join(left)}")
    return result
