"""Private keys under a passphrase: scrypt makes each guess cost 128 MiB and a third of a second, AES-256-GCM locks.

A locked key file is JSON: the parameters of scrypt, a salt, a nonce, and the key (PKCS #8, DER) encrypted. Everything
but the key is authenticated with it, and so is which key of the home it is. Homes of earlier versions hold encrypted
PEM files, whose derivation (PBKDF2 with 2,048 steps) is weak against guessing: `Passphrase.unlock` reads them, and
`parties.organization.identity` writes them anew.
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
#: scrypt's cost: 2^17 blocks of 1 KiB. A file that asks for less was not written by us.
LOG_N = 17
_R, _P = 8, 1
#: More memory than 1 GiB is not taken for a file's sake.
_MOST_LOG_N = 20
_SALT, _NONCE = 16, 12
_FIELDS = {"comity_locked_key", "kdf", "n", "r", "p", "salt", "nonce", "key"}


def is_locked(data: bytes) -> bool:
    """Whether a key file needs a passphrase, by its first bytes."""
    return is_ours(data) or b"ENCRYPTED" in data[:60]


def is_ours(data: bytes) -> bool:
    """Whether it is locked in the present form, not in that of earlier versions."""
    return data[:60].lstrip().startswith(b"{")


class Passphrase:
    """A passphrase, and the keys that were derived from it: once for each salt, since that is slow on purpose."""

    def __init__(self, text: str) -> None:
        if not text:
            raise ConfigError("the passphrase is empty. Choose one of several words")
        self._text = text
        self._keys: dict[tuple[bytes, int], bytes] = {}
        self._salt = os.urandom(_SALT)

    def __repr__(self) -> str:
        return "Passphrase()"

    def lock(self, key: PrivateKey, which: str) -> bytes:
        """The file of a private key. `which`: the key's name in the home."""
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
        """The private key in a locked file, of the present form or an earlier one.

        Raises ConfigError where the passphrase is wrong or the file damaged.
        """
        if not is_ours(data):
            try:
                return load_pem_private_key(data, self._text.encode())
            except ValueError:
                raise _wrong() from None
        try:
            fields = json.loads(data)
            if set(fields) != _FIELDS or (fields["comity_locked_key"], fields["kdf"]) != (1, "scrypt"):
                raise ConfigError("a locked key of a version this Comity does not know")
            log_n = int(fields["n"]).bit_length() - 1
            strong = fields["n"] == 1 << log_n and LOG_N <= log_n <= _MOST_LOG_N
            if not strong or (fields["r"], fields["p"]) != (_R, _P):
                raise ConfigError("a locked key with parameters of scrypt that this Comity does not write")
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
    """The file of a private key; without a passphrase, PEM in the clear."""
    if passphrase is not None:
        return passphrase.lock(key, which)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_key(path: Path, passphrase: Passphrase | None) -> object:
    """The private key in a file, locked or not. Raises ConfigError that names the file."""
    data = path.read_bytes()
    if is_locked(data):
        if passphrase is None:
            raise ConfigError(f"{path} is locked by a passphrase, and none was given")
        try:
            return passphrase.unlock(data, path.name)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None
    try:
        return load_pem_private_key(data, None)
    except ValueError:
        raise ConfigError(f"{path}: the file is damaged") from None


def locked_file(path: Path) -> bool:
    """Whether the key file at `path` needs a passphrase."""
    with path.open("rb") as file:
        return is_locked(file.read(60))


def _bound(head: dict[str, int | str], which: str) -> bytes:
    return b"comity/1/locked\0" + json.dumps({**head, "which": which}, sort_keys=True, separators=(",", ":")).encode()


def _wrong() -> ConfigError:
    return ConfigError("the passphrase is wrong, or the file is damaged")
