"""`comity peer`: the other organizations, known by the card whose words were compared."""

from __future__ import annotations

from pathlib import Path

import click

from mpc.errors import ConfigError
from parties.address import show_address
from parties.cli.common import FILE, home_option, json_option, opened, print_json, print_table
from parties.consortium import Member
from parties.echo import confirm, echo
from parties.identity import MAX_CARD, Card


@click.group()
def group() -> None:
    """Add, list and remove other organizations."""


@group.command()
@click.argument("card", type=FILE)
@click.option("--address", metavar="HOST:PORT", help="Call it here instead of at the card's address.")
@click.option("--yes", is_flag=True, help="The words were compared already; do not ask.")
@home_option
@json_option
def add(card: Path, address: str | None, yes: bool, home: Path | None, as_json: bool) -> None:
    """Take in the organization whose card is in the file CARD.

    Whoever holds the key of a card can speak for that organization. So hear its twelve words from a person there,
    by phone, before you say yes.

    \b
    Example:  comity peer add county.card
    """
    found = opened(home)
    read = read_card(card)
    if not yes:
        echo(f"{read.name}, to be called at {address or read.address or '(no address)'}", "", err=True)
        echo(f"    {read.fingerprint}", "", err=True)
        confirm(f"Did {read.name} read these words to you?")
    member = found.consortium.add(read, address=address)
    if as_json:
        print_json(_described(member))
    else:
        echo(f"{member.name} added")


@group.command("list")
@home_option
@json_option
def list_(home: Path | None, as_json: bool) -> None:
    """List the organizations this one knows.

    \b
    Example:  comity peer list
    """
    members = [member for _, member in sorted(opened(home).consortium.members.items())]
    if as_json:
        print_json({"peers": [_described(member) for member in members]})
    elif members:
        rows = [(m.name, show_address(m.address) if m.address else "-", m.card.fingerprint) for m in members]
        print_table(("name", "address", "words"), rows)
    else:
        echo("none yet; add one with  comity peer add CARD")


@group.command()
@click.argument("name")
@home_option
@json_option
def remove(name: str, home: Path | None, as_json: bool) -> None:
    """Forget the organization NAME. Its party is refused from then on.

    \b
    Example:  comity peer remove county
    """
    member = opened(home).consortium.remove(name)
    if as_json:
        print_json(_described(member))
    else:
        echo(f"{member.name} removed")


def read_card(path: Path) -> Card:
    """A card file, verified."""
    try:
        with path.open("rb") as file:
            return Card.from_json(file.read(MAX_CARD + 1), where=str(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None


def _described(member: Member) -> dict[str, str | None]:
    return {
        "name": member.name,
        "address": show_address(member.address) if member.address else None,
        "words": member.card.fingerprint,
        "key": member.card.key_hash.hex(),
    }
