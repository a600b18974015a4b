"""Private keys under a passphrase. With scrypt each guess costs 128 MiB and a third of a second; AES-256-GCM encrypts.

A locked key file is JSON: the parameters of scrypt, a salt, a nonce, and the encrypted key (PKCS #8, DER). All other
fields are authenticated with the key, and so is its name in the home. Homes of earlier versions have encrypted PEM
files, whose key derivation (PBKDF2 with 2,048 steps) is weak against guessing: `Passphrase.unlock` reads them, and
`parties.organization.identity` locks the keys again in the present form.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from unicodedata import normalize

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from mpc.errors import ConfigError

PrivateKey = Ed25519PrivateKey | X25519PrivateKey
#: The cost of scrypt: 2^17 blocks of 1 KiB. A file with a lower cost was not written by Comity.
LOG_N = 17
_R, _P = 8, 1
#: Reading a file takes at most 1 GiB of memory.
_MOST_LOG_N = 20
_SALT, _NONCE = 16, 12
_FIELDS = {"comity_locked_key", "kdf", "n", "r", "p", "salt", "nonce", "key"}


def is_locked(data: bytes) -> bool:
    """Whether a key file needs a passphrase, by its first bytes."""
    return is_current(data) or b"ENCRYPTED" in data[:60]


def is_current(data: bytes) -> bool:
    """Whether a key file is locked in the present form, and not in the form of earlier versions."""
    return data[:60].lstrip().startswith(b"{")


class Passphrase:
    """A passphrase, and the keys derived from it: once for each salt, since derivation is slow on purpose."""

    def __init__(self, text: str) -> None:
        if not text:
            raise ConfigError("the passphrase is empty. Choose a passphrase of several words")
        self._text = text
        self._keys: dict[tuple[bytes, int], bytes] = {}
        self._salt = os.urandom(_SALT)

    def __repr__(self) -> str:
        return "Passphrase()"

    def lock(self, key: PrivateKey, which: str) -> bytes:
        """The content of a locked key file. `which` is the name of the file in the home."""
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        nonce = os.urandom(_NONCE)
        head: dict[str, int | str] = {
            "comity_locked_key": 1,
            "kdf": "scrypt",
            "n": 1 << LOG_N,
            "r": _R,
            "p": _P,
            "salt": self._salt.hex(),
            "nonce": nonce.hex(),
        }
        sealed = AESGCM(self._key(self._salt, LOG_N)).encrypt(nonce, der, _bound(head, which))
        return (json.dumps(head | {"key": sealed.hex()}, indent=1) + "\n").encode()

    def unlock(self, data: bytes, which: str) -> object:
        """The private key in a locked file of the present or an earlier form.

        Raises ConfigError if the passphrase is wrong or the file is damaged.
        """
        if not is_current(data):
            try:
                return load_pem_private_key(data, self._text.encode())
            except ValueError:
                raise _wrong() from None
        try:
            fields = json.loads(data)
            if set(fields) != _FIELDS or (fields["comity_locked_key"], fields["kdf"]) != (1, "scrypt"):
                raise ConfigError("the key was locked by another version of Comity. Install the version that locked it")
            log_n = int(fields["n"]).bit_length() - 1
            strong = fields["n"] == 1 << log_n and LOG_N <= log_n <= _MOST_LOG_N
            if not strong or (fields["r"], fields["p"]) != (_R, _P):
                raise ConfigError("the key is locked with parameters that Comity does not use: the file was changed")
            salt, nonce, sealed = (bytes.fromhex(fields[name]) for name in ("salt", "nonce", "key"))
            head = {name: value for name, value in fields.items() if name != "key"}
            return load_der_private_key(
                AESGCM(self._key(salt, log_n)).decrypt(nonce, sealed, _bound(head, which)), None
            )
        except (ValueError, TypeError, RecursionError, InvalidTag):
            raise _wrong() from None

    def _key(self, salt: bytes, log_n: int) -> bytes:
        if (salt, log_n) not in self._keys:
            typed = normalize("NFC", self._text).encode()
            self._keys[salt, log_n] = Scrypt(salt=salt, length=32, n=1 << log_n, r=_R, p=_P).derive(typed)
        return self._keys[salt, log_n]


def key_file(key: PrivateKey, which: str, passphrase: Passphrase | None) -> bytes:
    """The content of a key file: locked, or without a passphrase PEM in the clear."""
    if passphrase is not None:
        return passphrase.lock(key, which)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_key(path: Path, passphrase: Passphrase | None) -> object:
    """The private key in a file, locked or not. ConfigError names the file."""
    data = path.read_bytes()
    if is_locked(data):
        if passphrase is None:
            raise ConfigError(
                f"{path} is locked by a passphrase, and none was given. Set the environment variable COMITY_PASSPHRASE"
            )
        try:
            return passphrase.unlock(data, path.name)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None
    try:
        return load_pem_private_key(data, None)
    except ValueError:
        raise ConfigError(f"{path}: the file is damaged. Restore it from a backup") from None


def locked_file(path: Path) -> bool:
    """Whether the key file at `path` needs a passphrase."""
    with path.open("rb") as file:
        return is_locked(file.read(60))


def _bound(head: dict[str, int | str], which: str) -> bytes:
    return b"comity/1/locked\0" + json.dumps({**head, "which": which}, sort_keys=True, separators=(",", ":")).encode()


def _wrong() -> ConfigError:
    return ConfigError("the passphrase is wrong, or the file is damaged")
