"""`comity peer`: the other organizations, known by the card whose words were compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from mpc.errors import ConfigError
from parties.cli.common import FILE, home_option, json_option, next_step, opened, print_json, print_table
from parties.data.misplaced import check_kind
from parties.organization.address import show_address
from parties.organization.consortium import Member
from parties.organization.home import Home
from parties.organization.identity import MAX_CARD, Card
from parties.report.words import size
from parties.text.echo import confirmed, echo


@click.group()
def group() -> None:
    """Add, list and remove other organizations."""


@group.command()
@click.argument("cards", type=FILE, nargs=-1, required=True, metavar="CARD...")
@click.option(
    "--address", metavar="HOST:PORT", help="Call this address instead of the one on the card; with one CARD only."
)
@click.option("--yes", is_flag=True, help="The words were compared already; do not ask.")
@home_option
@json_option
def add(cards: Sequence[Path], address: str | None, yes: bool, home: Path | None, as_json: bool) -> None:
    """Add the organizations whose cards are in the files CARD.

    A false card lets somebody else take the place of an organization. So call a person there whom you know, and let
    them read the card's twelve words to you, before you say yes. The command asks for each card, after it has checked
    all cards. It skips this organization's own card and cards that are known already, and says so.

    \b
    Examples:  comity peer add county.card
               comity peer add cards/*.card
    """
    if address is not None and len(cards) > 1:
        raise click.UsageError("--address can be used with one CARD only")
    here = opened(home)
    new, known = _sorted(here, cards, address)
    for line in known.values():
        echo(line, err=True)
    added, refused = [], []
    for place, card in enumerate(new.values(), 1):
        again = card.name in here.consortium.members
        of = f" ({place} of {len(new)})" if len(new) > 1 else ""
        if not yes and not again:
            echo(f"{card.name}, to be called at {address or card.address or '(no address)'}{of}", "", err=True)
            echo(f"    {card.fingerprint}", "", err=True)
            if not confirmed(f"Did {card.name} read these words to you?"):
                refused.append(card.name)
                echo(f"{card.name} is not added", err=True)
                continue
        added.append(here.consortium.add(card, address=address))
        if not as_json:
            echo(f"{card.name} is known already; its card is replaced" if again else f"{card.name} added")
    if as_json and len(cards) == 1 and added:
        print_json(_described(added[0]))
    elif as_json:
        print_json({"added": [_described(m) for m in added], "left_out": list(known), "refused": refused})
    if refused:
        raise click.exceptions.Exit(130)
    if added and not as_json:
        datasets = here.catalog.datasets
        next_step("comity data check " + next(iter(datasets)) if datasets else "comity data add NAME FILE", home)


def _sorted(home: Home, paths: Sequence[Path], address: str | None) -> tuple[dict[str, Card], dict[str, str]]:
    """Returns (cards to add or change, by name; a line about each file that is left out). Raises ConfigError for the
    first card that contradicts another file or a known card."""
    new: dict[str, Card] = {}
    where: dict[str, Path] = {}
    left_out: dict[str, str] = {}
    for path in paths:
        card = read_card(path)
        if card.key_hash == home.identity.key_hash:
            left_out[str(path)] = f"{path} is this organization's own card: left out"
            continue
        twin = next((name for name, other in new.items() if other.key_hash == card.key_hash), None)
        if card.name in new and new[card.name] != card:
            raise ConfigError(
                f"{where[card.name]} and {path} are different cards of {card.name}: {new[card.name].fingerprint}; "
                f"and {card.fingerprint}\nAsk {card.name} which one is right"
            )
        if twin is not None and twin != card.name:
            raise ConfigError(f"{where[twin]} and {path} hold the same key, of {twin} and of {card.name}")
        if twin is not None:
            left_out[str(path)] = f"{path} is the same card as {where[twin]}: left out"
            continue
        if address is None and home.consortium.has(card):
            left_out[str(path)] = f"{card.name} is known already, with this card: {path} is left out"
            continue
        home.consortium.check(card)
        new[card.name], where[card.name] = card, path
    if not new and left_out and len(left_out) == len(paths) and all("own card" in line for line in left_out.values()):
        raise ConfigError(f"{paths[0]} is this organization's own card. Add those of the others")
    return new, left_out


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
        echo(f"{member.name} removed; its party is refused from now on")


def read_card(path: Path) -> Card:
    """A card file, verified."""
    check_kind(path, "card")
    try:
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            if length > MAX_CARD:
                raise ConfigError(
                    f"{path} is not a card: it has {size(length)}, and a card at most {size(MAX_CARD)}. A card is the "
                    "file NAME.card that `comity init` writes at that organization"
                )
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
