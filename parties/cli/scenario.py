"""`comity scenario`: list the scenarios, show what a scenario asks for, and write a first scenario."""

from __future__ import annotations

from pathlib import Path

import click

from mpc.errors import ComityError, ConfigError
from mpc.releases.speaking import held
from mpc.tables.entries import expected
from parties.cli.common import FOLDER, json_option, next_step, plan_timeout_option, print_json, print_table
from parties.report.disclosed import Line, read, release_lines
from parties.study.loader import Loaded, available, docstring, find, load
from parties.text.echo import echo

WARNING = "A scenario runs with your party's rights; read it."


@click.group()
def group() -> None:
    """List, show and write scenarios."""


@group.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the scenarios that come with Comity.

    \b
    Example:  comity scenario list
    """
    scenarios = [(name, docstring(path).partition("\n")[0], str(path)) for name, path in available().items()]
    if as_json:
        print_json({"scenarios": [{"name": name, "about": about, "path": path} for name, about, path in scenarios]})
    elif scenarios:
        print_table(("name", "about"), [(name, about) for name, about, _ in scenarios])
    else:
        echo("none")


@group.command()
@click.argument("name", metavar="NAME|FILE")
@click.option("--all", "all_", is_flag=True, help="List every release, with all that guards it.")
@plan_timeout_option
@json_option
def show(name: str, all_: bool, plan_timeout: float, as_json: bool) -> None:
    """Show what a scenario asks for and gives: its description, inputs, parameters and releases.

    \b
    Examples:  comity scenario show hospital_statistics
               comity scenario show ./my_study.py
    """
    from parties.study.confined import Limits, confined
    from parties.system.kernels import choose_cache
    from protocols.engines import make_engine

    path = find(name)
    choose_cache()
    make_engine("replicated")  # a confined child can keep no compiled code
    request = {"path": str(path.absolute())}
    known, _ = confined("parties.cli.scenario:previewed", request, Limits(plan_timeout), readable=[path])
    loaded = load(name)
    if as_json:
        print_json({**_described(loaded), "releases": known})  # a text if releases are not known without a study
        return
    # Indented, so that no line of the description looks like a line of Comity.
    echo(loaded.name, "", *(f"  {line}".rstrip() for line in loaded.doc.split("\n")), "")
    for name, entry in loaded.scenario.inputs.items():
        who = f"the {entry.holder}" if entry.holder else "every organization that brings data"
        echo(f"input {name}, from {who}; at most {entry.at_most:,} rows each")
        rows = [(f"  {c.name}", expected(c), ", ".join(c.missing) or "-") for c in entry.schema.columns]
        print_table(("  column", "holds", "missing codes"), rows)
        echo()
    if loaded.scenario.parameters:
        print_table(("parameter", "default"), [(key, str(value)) for key, value in loaded.scenario.parameters.items()])
        echo()
    echo("releases, for three organizations and the default parameters:")
    if isinstance(known, str):
        echo(f"  not known without a study (`comity plan` shows them): {known}", "")
    else:
        echo(*(f"  {line}" for line in release_lines([read(line) for line in known], all_)), "")
    echo(str(loaded.path), WARNING)


def previewed(path: str) -> list[Line] | str:
    """In the confined child: the preview, or why there is none."""
    with held():  # `show` loads it again, which shows its prints
        loaded = load(path)
        try:
            return preview(loaded)
        except ComityError as error:
            return f"{error} (at {error.source})" if error.source else str(error)


def preview(loaded: Loaded) -> list[Line]:
    """The lines of the agreed document about releases, in a study of three organizations with default parameters."""
    from parties.study.rehearsal import supposed
    from protocols.dry import dry_run

    return dry_run(supposed(loaded)).manifest()


@group.command()
@click.argument("name")
@click.option("--into", type=FOLDER, default=Path(), help="Folder. Default: this one.")
@json_option
def new(name: str, into: Path, as_json: bool) -> None:
    """Write a first scenario NAME.py and its test, ready to run and to change.

    \b
    Example:  comity scenario new my_study && pytest test_my_study.py
    """
    if not name.isidentifier() or not name.isascii() or name != name.lower():
        raise ConfigError(f"{name!r} cannot name a scenario; use lower-case letters, digits and _ like my_study")
    templates = Path(__file__).parents[1] / "templates"
    written = {into / f"{name}.py": "scenario.txt", into / f"test_{name}.py": "scenario_test.txt"}
    for path in written:
        if path.exists():
            raise ConfigError(f"{path} exists already; choose another name")
    into.mkdir(parents=True, exist_ok=True)
    for path, template in written.items():
        path.write_text((templates / template).read_text("utf-8").replace("NAME", name), "utf-8")
    if as_json:
        print_json({"name": name, "files": [str(path) for path in written]})
        return
    scenario, test = written
    echo(f"wrote {scenario} and {test}")
    next_step(f"pytest {test}  ; then  comity demo {scenario} --data A.csv --data B.csv --data C.csv")


def _described(loaded: Loaded) -> dict[str, object]:
    return {
        "name": loaded.name,
        "about": loaded.doc,
        "path": str(loaded.path),
        "files": list(loaded.sources),
        "inputs": {
            name: {"columns": entry.schema.describe(), "holder": entry.holder, "at_most": entry.at_most}
            for name, entry in loaded.scenario.inputs.items()
        },
        "parameters": loaded.scenario.parameters,
        "warning": WARNING,
    }
