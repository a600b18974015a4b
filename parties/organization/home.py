"""An organization's home: the directory with its keys, its consortium and its catalog. Nobody else can read it.

Which one: `--home DIR`, else the environment's COMITY_HOME, else ~/.comity. Making it and its files' rights:
`parties.organization.identity`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mpc.errors import ConfigError
from parties.organization.catalog import Catalog
from parties.organization.consortium import Consortium
from parties.organization.identity import KEY_FILE, Card, Identity, check_name, check_private, write_private
from parties.system.lock import locked_file

VARIABLE = "COMITY_HOME"
PASSPHRASE = "COMITY_PASSPHRASE"


def home_path(given: Path | None = None) -> Path:
    """The home that is meant; it need not exist."""
    if given is not None:
        return given
    return Path(os.environ.get(VARIABLE) or "~/.comity").expanduser()


@dataclass(frozen=True)
class Home:
    """An open home: who this organization is, whom it knows, and which data it has."""

    path: Path
    identity: Identity
    consortium: Consortium
    catalog: Catalog

    @property
    def name(self) -> str:
        return self.consortium.name

    @property
    def card_file(self) -> Path:
        return self.path / f"{self.name}.card"

    def card(self) -> Card:
        """The card as it was written at `init`."""
        try:
            return Card.from_json(self.card_file.read_bytes(), where=str(self.card_file))
        except FileNotFoundError:
            raise ConfigError(f"{self.card_file} is missing. `comity identity --address HOST:PORT` writes it") from None

    def write_card(self, address: str | None) -> Card:
        """Signs a card with this address, and keeps it in the home."""
        card = self.identity.card(self.name, address)
        write_private(self.card_file, card.to_json().encode())
        return card

    def keys(self) -> dict[str, bytes]:
        """Organization -> SHA-256 of its public key: this one and all that it knows."""
        known = {member.name: member.card.key_hash for member in self.consortium.members.values()}
        return known | {self.name: self.identity.key_hash}


def create_home(
    path: Path, name: str, listen: tuple[str, int], address: str | None, *, passphrase: str | None = None
) -> Home:
    """Makes keys, consortium and card in a new home. Raises ConfigError where there are keys already."""
    check_name(name)
    identity = Identity.create(path, passphrase=passphrase)
    home = Home(path, identity, Consortium.create(path, name, listen), Catalog.load(path))
    home.write_card(address)
    return home


def open_home(given: Path | None = None, *, ask: Callable[[], str] | None = None) -> Home:
    """Opens a home. Refuses one that other users of the machine can reach.

    ask  gives the passphrase of a locked key; else COMITY_PASSPHRASE does
    """
    path = home_path(given)
    if not (path / KEY_FILE).exists():
        raise ConfigError(
            f"{path} is no home of an organization\n"
            f"Make one with  comity init NAME --listen HOST:PORT --home {path}\n"
            "or say where yours is, with  --home DIR  or in the variable COMITY_HOME"
        )
    check_private(path)
    passphrase = os.environ.get(PASSPHRASE)
    if passphrase is None and ask is not None and locked_file(path / KEY_FILE):
        passphrase = ask()
    return Home(path, Identity.load(path, passphrase=passphrase), Consortium.load(path), Catalog.load(path))
