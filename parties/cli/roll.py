"""`comity roll`: very many contributors of a study, enrolled by one file instead of one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from mpc.errors import ConfigError
from parties.cli.common import FILE, FOLDER, Place, json_option, next_step, print_json
from parties.data.misplaced import check_kind
from parties.organization.identity import Card
from parties.organization.place import SUFFIX, bytes_of
from parties.organization.roll import Roll, cards_in, make_roll, read_roll, roll_text
from parties.report.words import size
from parties.text.echo import echo

#: Names that `show` prints, without --all.
_SHOWN = 12
_ANYWHERE = Place()


@click.group()
def group() -> None:
    """Enrol very many contributors for a study: make a roll of their cards, look at it, and hand out places in it.

    A study names organizations one by one, and each of them knows the cards of all. A roll stands for thousands: the
    study names the file, and all participants agree on the digest of the roll. An enrolled organization brings data and
    does not compute. It needs the study, the cards of the compute parties, and its place in the roll.

    \b
    In order:  comity roll make devices.roll cards/      at whoever enrols them
               comity roll place devices.roll --to out/  a small file for each, to send with the study
               comity submit study.toml                  at each of them
    """


@group.command()
@click.argument("roll", type=FILE)
@click.argument("cards", type=_ANYWHERE, nargs=-1, required=True, metavar="CARD...")
@click.option("--replace", is_flag=True, help="Replace the file ROLL.")
@json_option
def make(roll: Path, cards: Sequence[Path], replace: bool, as_json: bool) -> None:
    """Make the file ROLL of cards. CARD is a card, a file with several cards one after the other, or a folder with
    files NAME.card.

    The command verifies each card, and refuses two cards with the same name or key. It asks for no words: whoever makes
    a roll vouches that each card belongs to an organization that exists. Send the roll to all organizations that the
    study names.

    \b
    Examples:  comity roll make devices.roll cards/
               cat */*.card > all.cards; comity roll make devices.roll all.cards
    """
    if roll.exists() and not replace:
        raise ConfigError(f"{roll} exists already; --replace replaces it")
    made = make_roll([card for path in cards for card in _cards(path)], roll)
    try:
        roll.write_bytes(roll_text(made))
    except OSError as error:
        raise ConfigError(f"{roll}: cannot be written ({error.strerror})") from None
    _show(made, as_json, every=False)
    if not as_json:
        next_step(
            f"name it in the study, below [contributors], and hand out places:  comity roll place {roll} --to DIR"
        )


@group.command()
@click.argument("roll", type=FILE)
@click.option("--all", "every", is_flag=True, help="Show the names of all.")
@json_option
def show(roll: Path, every: bool, as_json: bool) -> None:
    """Show whom the file ROLL enrols, and the twelve words of its digest. Verifies all cards.

    \b
    Example:  comity roll show devices.roll
    """
    found = _read(roll)
    found.cards()
    _show(found, as_json, every=every)


@group.command()
@click.argument("roll", type=FILE)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--to", type=FOLDER, default=Path(), metavar="DIR", help="Where the files go. Default: this folder.")
@json_option
def place(roll: Path, names: Sequence[str], to: Path, as_json: bool) -> None:
    """Write the places of enrolled organizations in the file ROLL, each to DIR/NAME.place; of all, without NAME.

    A place holds the card of its organization, and a proof that this card is in the roll; there is nothing secret in
    it. The organization puts it beside the study, named as the roll is (devices.place for devices.roll), or names it
    with `comity submit STUDY --place FILE`.

    \b
    Examples:  comity roll place devices.roll --to places/
               comity roll place devices.roll device-00017
    """
    found = _read(roll)
    places = [found.place(name) for name in names] if names else list(found.places())
    try:
        to.mkdir(parents=True, exist_ok=True)
        for one in places:
            (to / f"{found.names[one.index]}{SUFFIX}").write_text(one.to_json(), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{error.filename or to}: cannot be written ({error.strerror})") from None
    if as_json:
        print_json({"places": len(places), "folder": str(to)})
    else:
        echo(f"{len(places):,} place{'s' * (len(places) != 1)} written to {to}/")
        next_step("send each to its organization with the study and the cards of the compute parties:  comity submit")


def _cards(path: Path) -> Iterator[Card]:
    """The cards in a file or folder, verified."""
    files = sorted(path.glob("*.card")) if path.is_dir() else [path]
    if not files:
        raise ConfigError(f"{path}: no card is in this folder; a card is a file NAME.card")
    for file in files:
        check_kind(file, "card")
        yield from cards_in(bytes_of(file), str(file))


def _read(path: Path) -> Roll:
    check_kind(path, "roll")
    return read_roll(path)


def _show(roll: Roll, as_json: bool, *, every: bool) -> None:
    count = len(roll.names)
    if as_json:
        names = list(roll.names) if every else list(roll.names[:_SHOWN])
        print_json(
            {"roll": str(roll.path), "cards": count, "digest": roll.digest.hex(), "words": roll.words, "names": names}
        )
        return
    echo(f"{roll.path} enrols {count:,} organization{'s' * (count != 1)} ({size(len(roll_text(roll)))})")
    echo(f"words  {roll.words}")
    shown = roll.names if every else roll.names[:_SHOWN]
    more = f", and {count - len(shown):,} more" if len(shown) < count else ""
    echo(f"names  {', '.join(shown)}{more}")
