"""`comity init` and `comity identity`: this organization's home, keys and card."""

from __future__ import annotations

import socket
from pathlib import Path

import click

from parties.cli.common import home_option, json_option, next_step, opened, print_json
from parties.organization.address import parse_address, show_address
from parties.organization.home import Home, create_home, home_path
from parties.text.echo import ask_secret, echo

_ANYWHERE = ("0.0.0.0", "::")


@click.command()
@click.argument("name")
@click.option("--listen", required=True, metavar="HOST:PORT", help="Where this organization's party listens.")
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="How others reach it. Default: the listening address; for 0.0.0.0, this host's name.",
)
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase that locks the key.")
@home_option
@json_option
def init(name: str, listen: str, address: str | None, passphrase: bool, home: Path | None, as_json: bool) -> None:
    """Make the home of the organization NAME: keys, and the card for the others.

    The key never leaves the home. The card holds nothing secret: send it to the other organizations, and read the
    twelve words to each other on the phone.

    \b
    Example:  comity init st-mary --listen 0.0.0.0:7200 --address crypto.st-mary.example:7200
    """
    host, port = parse_address(listen, where="--listen")
    if address is None:
        address = show_address((socket.gethostname() if host in _ANYWHERE else host, port))
    show_address(parse_address(address, where="--address"))
    secret = ask_secret("Passphrase", twice=True) if passphrase else None
    _show(create_home(home_path(home), name, (host, port), address, passphrase=secret), as_json, new=True)


@click.command()
@click.option("--address", metavar="HOST:PORT", help="Write the card anew, with this address.")
@home_option
@json_option
def identity(address: str | None, home: Path | None, as_json: bool) -> None:
    """Show who this organization is: name, card, and the twelve words of its key.

    \b
    Example:  comity identity --json
    """
    here = opened(home)
    if address is not None:
        here.write_card(show_address(parse_address(address, where="--address")))
    _show(here, as_json, new=address is not None)


def _show(home: Home, as_json: bool, *, new: bool) -> None:
    card = home.card()
    if as_json:
        print_json(
            {
                "name": home.name,
                "home": str(home.path),
                "listen": show_address(home.consortium.listen),
                "address": card.address,
                "card": str(home.card_file),
                "words": card.fingerprint,
                "key": card.key_hash.hex(),
            }
        )
        return
    echo(f"{home.name}  listens on {show_address(home.consortium.listen)}, others call {card.address}")
    echo(f"card   {home.card_file}")
    echo(f"words  {card.fingerprint}")
    if new:
        adds = f"comity peer add {card.name}.card"
        next_step(f"send the card to the others, who compare its words with you by phone:  {adds}")
