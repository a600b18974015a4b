"""`comity contributions`: at a compute party, the sealed contributions that wait for a run or came as files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from mpc.errors import AuthenticationError, ConfigError, RemoteProtocolError
from parties.cli.common import FILE, home_option, json_option, next_step, opened, print_json, print_table
from parties.organization.home import Home
from parties.text.echo import echo


@click.group()
def group() -> None:
    """Add and list sealed contributions of organizations that do not compute."""


@group.command()
@click.argument("files", type=FILE, nargs=-1, required=True, metavar="FILE...")
@click.option("--roll", type=FILE, metavar="ROLL", help="The roll of the study, for files of enrolled organizations.")
@home_option
@json_option
def add(files: Sequence[Path], roll: Path | None, home: Path | None, as_json: bool) -> None:
    """Add sealed contributions from FILEs, which `comity submit --to` has written.

    The next `comity run` of their study, or one that waits for them, verifies and uses them.

    \b
    Examples:  comity contributions add 1f2e3d4c-clinic-for-county.sealed
               comity contributions add sealed/*-for-county.sealed --roll devices.roll
    """
    from parties.contributors.inbox import add_file
    from parties.contributors.sealing import read_header
    from parties.data.misplaced import check_kind
    from parties.organization.roll import read_roll

    here = opened(home)
    enrolled = None if roll is None else read_roll(roll)
    added = []
    for path in files:
        check_kind(path, "sealed")
        try:
            envelope = path.read_bytes()
            header = read_header(envelope)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
        except RemoteProtocolError as error:
            raise ConfigError(f"{path}: {error}. Ask for the file again") from None
        if header.recipient != here.identity.key_hash:
            raise AuthenticationError(f"{path} is for another organization than {here.name}")
        sender = next((m.card for m in here.consortium.members.values() if m.card.key_hash == header.sender), None)
        if sender is None and enrolled is not None:
            sender = enrolled.card_of(header.sender)
        if sender is None:
            raise AuthenticationError(
                f"{path} is from an organization that is not known here. Add its card:  comity peer add CARD\n"
                "or, if the study's roll enrols it, name the roll with --roll ROLL"
            )
        kept = add_file(here.path, here.identity, sender, envelope)
        added.append({"organization": sender.name, "study": header.study.hex(), "file": str(kept)})
    if as_json:
        print_json({"added": added})
    else:
        for entry in added:
            echo(f"{entry['organization']}: added to study {entry['study'][:16]}…")
        next_step("the next run of that study verifies and uses it:  comity run STUDY", home)


@group.command("list")
@home_option
@json_option
def list_(home: Path | None, as_json: bool) -> None:
    """List the contributions that wait for a run.

    \b
    Example:  comity contributions list
    """
    waiting = _waiting(opened(home))
    if as_json:
        print_json({"contributions": waiting})
    elif waiting:
        rows = [(c["organization"], c["study"][:16] + "…", c["submitted"], f"{c['bytes']:,}") for c in waiting]
        print_table(("organization", "study", "submitted", "bytes"), rows)
    else:
        echo("none")


def _waiting(home: Home) -> list[dict[str, Any]]:
    from parties.contributors.inbox import FOLDER

    waiting = []
    for path in sorted((home.path / FOLDER).glob("*/*.sealed")):
        name, number, _ = path.name.split(".", 2)
        at = datetime.fromtimestamp(int(number) / 1e9, UTC).isoformat(timespec="seconds") if number.isdecimal() else "?"
        waiting.append({"organization": name, "study": path.parent.name, "submitted": at, "bytes": path.stat().st_size})
    return waiting
