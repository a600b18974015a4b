"""An organization's keys, its card, and the words by which people compare them.

Inside: the Ed25519 key (TLS and signatures) with its self-signed certificate, the X25519 key (sealed contributions),
and the *card* that an organization gives to the others. The home has mode 0700, its files 0600.
Left out: the other organizations (`consortium`), and how a connection is pinned to a key (`tls`).
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat

from mpc.errors import ConfigError
from parties.organization.address import parse_address
from parties.system.lock import Passphrase, PrivateKey, is_current, key_file, locked_file, read_key
from parties.system.privacy import check_private, write_private

KEY_FILE = "key.pem"
SEALING_FILE = "sealing.pem"
CERTIFICATE_FILE = "certificate.pem"
#: The largest card that is read, in bytes; a card has about 1 KiB.
MAX_CARD = 16 << 10
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_CARD_FIELDS = {"comity_card", "name", "address", "signing_key", "sealing_key", "certificate", "signature"}
_VALID = timedelta(days=3653)
_AGAIN = "Ask for the file again"


def check_name(name: str) -> str:
    """`name` if it can name an organization (lower-case letters, digits, hyphens; at most 40); else ConfigError."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name[:60]!r} cannot name an organization: use lower-case letters, digits and hyphens, at most 40"
        )
    return name


@cache
def words() -> tuple[str, ...]:
    """The list of 2,048 words. No two of them begin with the same four letters."""
    return tuple(files("parties").joinpath("words.txt").read_text("ascii").split())


def in_words(digest: bytes, count: int = 12) -> str:
    """The first `count` times 11 bits of `digest` as words, for people to read to each other."""
    bits = int.from_bytes(digest, "big")
    top = 8 * len(digest)
    return " ".join(words()[(bits >> (top - 11 * (i + 1))) & 2047] for i in range(count))


def key_hash_of(public: Ed25519PublicKey) -> bytes:
    """SHA-256 of the 32 bytes of a public key. It identifies an organization to machines."""
    return sha256(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).digest()


def certificate_key_hash(der: bytes) -> bytes:
    """The key hash of a DER certificate; ValueError if its key is not an Ed25519 key."""
    public = x509.load_der_x509_certificate(der).public_key()
    if not isinstance(public, Ed25519PublicKey):
        raise ValueError("the certificate's key is not an Ed25519 key")
    return key_hash_of(public)


@dataclass(frozen=True)
class Card:
    """An organization's name, address and public keys, signed with its signing key. It gives the card to the others."""

    name: str
    address: str | None
    signing_key: bytes
    sealing_key: bytes
    certificate: bytes  #: DER
    signature: bytes

    @property
    def key_hash(self) -> bytes:
        return sha256(self.signing_key).digest()

    @property
    def fingerprint(self) -> str:
        """Twelve words of the key hash. Compare them over a channel that an attacker does not control."""
        return in_words(self.key_hash)

    def body(self) -> dict[str, object]:
        """The fields that the signature covers."""
        return {
            "comity_card": 1,
            "name": self.name,
            "address": self.address,
            "signing_key": self.signing_key.hex(),
            "sealing_key": self.sealing_key.hex(),
            "certificate": self.certificate.hex(),
        }

    def to_json(self) -> str:
        """The card as text, one field a line."""
        return json.dumps({**self.body(), "signature": self.signature.hex()}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str = "card") -> Card:
        """Read and verify a card; ConfigError names `where` and the field."""
        if len(text) > MAX_CARD:
            raise ConfigError(f"{where}: not a card: it has {len(text)} bytes, and a card at most {MAX_CARD}")
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            raise ConfigError(f"{where}: not a card (it is not JSON). Ask for the file again") from None
        if not isinstance(fields, dict) or set(fields) != _CARD_FIELDS or fields["comity_card"] != 1:
            raise ConfigError(f"{where}: not a card, or of another version of Comity. Ask for the file again")
        address = fields["address"]
        if not isinstance(fields["name"], str) or not (address is None or isinstance(address, str)):
            raise ConfigError(f"{where}: name and address must be text")
        if address is not None:
            # The address is printed above the words that people compare: no other text may stand there.
            parse_address(address, where=f"{where}: address")
        raw: dict[str, bytes] = {}
        for field in ("signing_key", "sealing_key", "certificate", "signature"):
            try:
                raw[field] = bytes.fromhex(fields[field])
            except (ValueError, TypeError):
                raise ConfigError(f"{where}: {field} is not hexadecimal") from None
        card = cls(check_name(fields["name"]), address, **raw)
        card._verify(where)
        return card

    def _verify(self, where: str) -> None:
        try:
            X25519PublicKey.from_public_bytes(self.sealing_key)
            public = Ed25519PublicKey.from_public_bytes(self.signing_key)
            same = certificate_key_hash(self.certificate) == self.key_hash
        except ValueError:
            raise ConfigError(f"{where}: a key or the certificate of {self.name} is damaged. {_AGAIN}") from None
        if not same:
            raise ConfigError(f"{where}: the certificate of {self.name} belongs to another key. {_AGAIN}")
        try:
            public.verify(self.signature, _tagged("card", _canonical(self.body())))
        except InvalidSignature:
            raise ConfigError(f"{where}: the signature of {self.name} is wrong: it was changed. {_AGAIN}") from None


@dataclass(frozen=True)
class Identity:
    """An organization's private keys and certificate. Printing it shows no secret."""

    home: Path
    signing: Ed25519PrivateKey
    sealing: X25519PrivateKey
    certificate: bytes  #: DER
    locked: bool = False  #: The key files need a passphrase.

    def __repr__(self) -> str:
        return f"Identity({self.home}, {self.key_hash.hex()[:16]})"

    @property
    def key_hash(self) -> bytes:
        return key_hash_of(self.signing.public_key())

    @property
    def fingerprint(self) -> str:
        return in_words(self.key_hash)

    @property
    def key_file(self) -> Path:
        return self.home / KEY_FILE

    @property
    def certificate_file(self) -> Path:
        return self.home / CERTIFICATE_FILE

    @contextmanager
    def key_for_tls(self) -> Iterator[tuple[Path, str | None]]:
        """A PEM file with the signing key, and its passphrase: Python's `ssl` reads keys from files only.

        For a locked key this is a temporary file, encrypted under 256 random bits that are written nowhere.
        """
        if not self.locked:
            yield self.key_file, None
            return
        passphrase = os.urandom(32).hex()
        lock = serialization.BestAvailableEncryption(passphrase.encode())
        handle, name = tempfile.mkstemp(prefix="comity-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self.signing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
            yield Path(name), passphrase
        finally:
            os.unlink(name)

    def sign(self, purpose: str, message: bytes) -> bytes:
        """Sign `message` for `purpose`: the signature is not valid for another purpose."""
        return self.signing.sign(_tagged(purpose, message))

    def card(self, name: str, address: str | None = None) -> Card:
        """This organization's card."""
        signing = self.signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        sealing = self.sealing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        card = Card(check_name(name), address, signing, sealing, self.certificate, b"")
        return Card(name, address, signing, sealing, self.certificate, self.sign("card", _canonical(card.body())))

    @classmethod
    def create(cls, home: Path, *, passphrase: str | None = None) -> Identity:
        """Make keys and certificate in `home` (mode 0700). ConfigError if there are keys already."""
        lock = None if passphrase is None else Passphrase(passphrase)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_private(home)
        if (home / KEY_FILE).exists():
            raise ConfigError(
                f"{home / KEY_FILE} exists already: this is the home of an organization, and it keeps its key. Choose "
                "another home, or see whose home this is with  comity identity"
            )
        signing, sealing = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
        certificate = _self_signed(signing)
        # The signing key comes last: a home with a key file is complete.
        write_private(home / CERTIFICATE_FILE, certificate.public_bytes(Encoding.PEM))
        write_private(home / SEALING_FILE, key_file(sealing, SEALING_FILE, lock))
        write_private(home / KEY_FILE, key_file(signing, KEY_FILE, lock))
        return cls(home, signing, sealing, certificate.public_bytes(Encoding.DER), lock is not None)

    @classmethod
    def load(cls, home: Path, *, passphrase: str | None = None) -> Identity:
        """Read the keys of `home`; ConfigError names the file, with the chmod line if other users can reach it.

        Keys that an earlier version locked are locked again, see `parties.system.lock`.
        """
        paths = [home / name for name in (KEY_FILE, SEALING_FILE, CERTIFICATE_FILE)]
        if not paths[0].exists():
            raise ConfigError(f"{home} has no key: {KEY_FILE} is missing. `comity init NAME` makes a home with keys")
        check_private(home)
        for path in paths:
            if not path.exists():
                raise ConfigError(f"{path} is missing. Restore it from a backup, or make a new home")
            check_private(path)
        lock = Passphrase(passphrase) if passphrase else None
        signing, sealing = read_key(paths[0], lock), read_key(paths[1], lock)
        if not isinstance(signing, Ed25519PrivateKey) or not isinstance(sealing, X25519PrivateKey):
            raise ConfigError(f"{paths[0]} must hold an Ed25519 key and {paths[1]} an X25519 key")
        try:
            der = x509.load_pem_x509_certificate(paths[2].read_bytes()).public_bytes(Encoding.DER)
            same = certificate_key_hash(der) == key_hash_of(signing.public_key())
        except ValueError:
            raise ConfigError(f"{paths[2]} is damaged. Restore it from a backup") from None
        if not same:
            raise ConfigError(f"{paths[2]} belongs to another key than {paths[0]}. Restore both from one backup")
        locked = locked_file(paths[0])
        if lock is not None and locked:
            _lock_again(((paths[1], sealing), (paths[0], signing)), lock)
        return cls(home, signing, sealing, der, locked)


def verify(signing_key: bytes, purpose: str, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is valid under the 32-byte public key for this purpose and message."""
    try:
        Ed25519PublicKey.from_public_bytes(signing_key).verify(signature, _tagged(purpose, message))
    except (InvalidSignature, ValueError):
        return False
    return True


def _tagged(purpose: str, message: bytes) -> bytes:
    return b"comity/1/" + purpose.encode("ascii") + b"\0" + message


def _canonical(document: dict[str, object]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _lock_again(keys: Sequence[tuple[Path, PrivateKey]], passphrase: Passphrase) -> None:
    """Write key files that an earlier version locked in the present form, unless the home cannot be written."""
    for path, key in keys:
        if not is_current(path.read_bytes()):
            with suppress(OSError):
                write_private(path, passphrase.lock(key, path.name))


def _self_signed(key: Ed25519PrivateKey) -> x509.Certificate:
    # No names: the key is the identity. The certificate begins a day early, for clocks that disagree.
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, key_hash_of(key.public_key()).hex()[:32])])
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _VALID)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, None)
    )
