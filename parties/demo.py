"""The main job on one machine: a scenario between local organizations, as processes over TLS, against the clear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpc.errors import ConfigError
from mpc.network import Network
from mpc.schema import RealColumn
from parties.dataschema import key, quoted, schema_toml
from parties.dataset import SourceRows, open_dataset
from parties.launch import Ended, Launched, bring, consortium
from parties.loader import Loaded, folder, load
from parties.oracle import MOST_ROWS, deviations, expected, pooled, uncompared
from parties.source import Dataset
from parties.study import BoundStudy, open_study


@dataclass(frozen=True)
class Demo:
    """What is to be shown: the scenario, and each organization's files by input."""

    loaded: Loaded
    files: Mapping[str, Mapping[str, Path]]

    @property
    def names(self) -> list[str]:
        return list(self.files)


class DemoFailed(Exception):
    """A party ended with an error; its message and exit code are those of the demo."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.stderr.strip() or f"{ended.name} ended with exit code {ended.code}")
        self.code = ended.code if ended.code > 0 else 3


def samples(loaded: Loaded) -> dict[str, dict[str, Path]]:
    """The sample data bundled with a scenario: organization -> input -> file."""
    where = folder() / "data" / Path(loaded.scenario.samples or loaded.name).name
    inputs = list(loaded.scenario.inputs)
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(where.glob("*.csv")) + sorted(where.glob("*.parquet")):
        name, _, which = path.stem.partition(".")
        input_ = which or inputs[0]
        if input_ in inputs:
            found.setdefault(name, {})[input_] = path
    return found


def prepare(scenario: str, organizations: int | None, data: Sequence[Path]) -> Demo:
    """Decide who takes part with which files. Raises ConfigError."""
    loaded = load(scenario)
    inputs = list(loaded.scenario.inputs)
    count = organizations if organizations is not None else 3
    if count != 3:
        raise ConfigError(
            f"--organizations {count}: the replicated engine has three compute parties; other numbers are not "
            "supported yet"
        )
    if data:
        if len(inputs) != 1:
            raise ConfigError(f"--data goes with scenarios of one input; {loaded.name} asks for {', '.join(inputs)}")
        if len(data) != count:
            raise ConfigError(f"three organizations need a file each: give --data {count} times, found {len(data)}")
        for path in data:
            if not path.is_file():
                raise ConfigError(f"{path}: no such file")
        return Demo(loaded, {f"organization-{i + 1}": {inputs[0]: path} for i, path in enumerate(data)})
    found = samples(loaded)
    if len(found) < count:
        raise ConfigError(f"{loaded.name} has no sample data for {count} organizations: give --data for each")
    return Demo(loaded, dict(list(found.items())[:count]))


def export(loaded: Loaded, into: Path) -> list[Path]:
    """Write the sample files and the schema to imitate."""
    into.mkdir(parents=True, exist_ok=True)
    written = []
    for name, files in samples(loaded).items():
        for which, path in files.items():
            target = into / (f"{name}{path.suffix}" if len(files) == 1 else f"{name}.{which}{path.suffix}")
            target.write_bytes(path.read_bytes())
            written.append(target)
    for which, schema in loaded.scenario.schemas().items():
        target = into / f"{which}.toml"
        target.write_text(schema_toml(schema), encoding="utf-8")
        written.append(target)
    return written


def study_toml(demo: Demo, parameters: Mapping[str, Any], widen: float = 1.0, network: Network | None = None) -> str:
    """The study of a demo, as a person would write it; every declared range `widen` times as wide."""
    path = demo.loaded.path
    bundled = path.parent == folder()
    lines = [
        f"scenario = {quoted(demo.loaded.name if bundled else str(path.resolve()))}",
        'purpose = "Demonstration on one machine"',
        'engine = "replicated"',
        "",
    ]
    if parameters:
        lines += ["[parameters]", *[f"{name} = {_toml(value)}" for name, value in parameters.items()], ""]
    if widen != 1:
        for which, schema in demo.loaded.scenario.schemas().items():
            ranges = [_wider(column, widen) for column in schema.columns if isinstance(column, RealColumn)]
            lines += [f"[ranges.{key(which)}]", *ranges, ""]
    if network is not None:
        lines += ["[network]", f'rtt = "{_us(network)}"', f'bandwidth = "{_kbits(network)}"', ""]
    for name, files in demo.files.items():
        lines += [f"[organizations.{quoted(name)}]", 'roles = ["input", "compute", "recipient"]']
        lines += [f"{which} = {quoted(which)}" for which in files]
        lines.append("")
    return "\n".join(lines)


def _wider(column: RealColumn, factor: float) -> str:
    more = (column.high - column.low) * (factor - 1) / 2
    return f"{key(column.name)} = [{column.low - more!r}, {column.high + more!r}]"


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
    on_event: Callable[[str, dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Run it and give the result document of the first recipient, with all organizations' rows and the oracle.

    network  named in the study, and messages are held back as it would
    compare  whether to pool the data in the clear (default: where there are at most three million rows)
    Raises DemoFailed with the first party's error.
    """
    with consortium(demo.names) as members:
        some = next(iter(members.values())).home.parent
        study = some / "study.toml"
        study.write_text(study_toml(demo, parameters or {}, widen, network), encoding="utf-8")
        for name, files in demo.files.items():
            for which, path in files.items():
                bring(members[name], which, path)
        if network is not None:
            options = [*options, "--shape", f"{_us(network)},{_kbits(network)}"]
        launched = Launched(members, study, options=options, on_event=on_event)
        try:
            bound = open_study(study)
            oracle = _oracle(demo, bound, compare, launched)
            ended = launched.wait(stop_on_error=True)
        finally:
            launched.stop()
        return _joined(demo, bound, ended, oracle)


def _oracle(demo: Demo, bound: BoundStudy, compare: bool | None, launched: Launched) -> dict[str, Any] | None:
    """The plaintext result, while the parties compute; None where it is not wanted or the data does not fit."""
    if compare is False or bound.loaded.scenario.oracle is None:
        return None
    from mpc.errors import DataError

    tables = {}
    try:
        for which, schema in bound.schemas.items():
            sources: list[SourceRows] = []
            for files in demo.files.values():
                if which in files:
                    source = open_dataset(Dataset(which, str(files[which].resolve()), None, None), schema)
                    sources.append(source)
            rows = sum(source.check().rows for source in sources)
            if compare is None and rows > MOST_ROWS:
                return None
            tables[which] = pooled(schema, sources)
    except DataError:
        return None  # the party that brings it says so, with its own exit code
    return expected(bound.loaded.scenario, tables, bound.parameters)


def _joined(demo: Demo, bound: BoundStudy, ended: Mapping[str, Ended], oracle: dict[str, Any] | None) -> dict[str, Any]:
    failed = [e for e in ended.values() if e.code != 0]
    if failed:
        # The one that says what is wrong, rather than those that lost it.
        order = {2: 0, 1: 1, 5: 2, 4: 3, 3: 4}
        raise DemoFailed(min(failed, key=lambda e: order.get(e.code, 5)))
    results = {name: dict(e.result or {}) for name, e in ended.items()}
    result = results[bound.plan.recipients[0]]
    result.pop("event", None)
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
    for name, other in results.items():
        if name in bound.plan.recipients and _differ(other["releases"], result["releases"]):
            raise DemoFailed(Ended(name, 1, [], f"error: {name} received other releases than the other recipients"))
    if oracle is not None:
        largest, details = deviations(result["releases"], result["kinds"], oracle)
        result["oracle"] = {"max_relative_error": largest, "details": details}
        if left := uncompared(result["releases"], oracle):
            result["notes"].append(f"not compared with the clear: {', '.join(left)}")
    return result


def _differ(a: Any, b: Any) -> bool:
    return bool(a != b)
