"""An organization's home: the directory with its keys, its consortium and its catalog. No other user can read it.

It is `--home DIR`, else the environment variable COMITY_HOME, else ~/.comity.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mpc.errors import ConfigError
from parties.organization.catalog import Catalog
from parties.organization.consortium import Consortium
from parties.organization.identity import KEY_FILE, Card, Identity, check_name
from parties.system.lock import locked_file
from parties.system.privacy import check_private, write_private

VARIABLE = "COMITY_HOME"
PASSPHRASE = "COMITY_PASSPHRASE"


def home_path(home: Path | None = None) -> Path:
    """`home`, else that of the environment, else ~/.comity. It need not exist."""
    if home is not None:
        return home
    return Path(os.environ.get(VARIABLE) or "~/.comity").expanduser()


@dataclass(frozen=True)
class Home:
    """An open home: this organization's keys, the members that it knows, and its datasets."""

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
        """Sign a card with this address, and keep it in the home."""
        card = self.identity.card(self.name, address)
        write_private(self.card_file, card.to_json().encode())
        return card

    def keys(self) -> dict[str, bytes]:
        """Organization -> SHA-256 of its public key, for this organization and all members."""
        known = {member.name: member.card.key_hash for member in self.consortium.members.values()}
        return known | {self.name: self.identity.key_hash}


def create_home(
    path: Path, name: str, listen: tuple[str, int], address: str | None, *, passphrase: str | None = None
) -> Home:
    """Make keys, consortium and card in a new home. ConfigError if there are keys already."""
    check_name(name)
    identity = Identity.create(path, passphrase=passphrase)
    home = Home(path, identity, Consortium.create(path, name, listen), Catalog.load(path))
    home.write_card(address)
    return home


def open_home(home: Path | None = None, *, ask: Callable[[], str] | None = None) -> Home:
    """Open a home (see `home_path`). ConfigError if there is none, or if other users of the machine can reach it.

    ask  returns the passphrase of a locked key; it is called if COMITY_PASSPHRASE is not set
    """
    path = home_path(home)
    if not (path / KEY_FILE).exists():
        raise ConfigError(
            f"{path} is not the home of an organization (it has no {KEY_FILE})\n"
            f"Make a home with  comity init NAME --listen HOST:PORT --home {path}\n"
            "or name your home, with  --home DIR  or in the environment variable COMITY_HOME"
        )
    check_private(path)
    passphrase = os.environ.get(PASSPHRASE)
    if passphrase is None and ask is not None and locked_file(path / KEY_FILE):
        passphrase = ask()
    return Home(path, Identity.load(path, passphrase=passphrase), Consortium.load(path), Catalog.load(path))
