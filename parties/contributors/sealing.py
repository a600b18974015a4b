"""Sealed files: bytes that one organization encrypts for another, signs, and binds to a study.

    4 bytes    length of the header
    header     canonical JSON: format, purpose, study, sender, recipient, number, ephemeral key, length, digest
    64 bytes   the sender's Ed25519 signature over header and ciphertext
    chunks     of 1 MiB of plaintext, each under AES-256-GCM; its nonce has its number and marks the last chunk

The key follows from an ephemeral X25519 key and the recipient's sealing key by HKDF-SHA-256, bound to the whole
header. Sender and recipient are named by the SHA-256 of their signing keys, as everywhere. The `number` grows from one
submission to the next.
Source    the construction of HPKE (RFC 9180, base mode, one key for each envelope) with the chunks of STREAM (Hoang,
          Reyhanitabar, Rogaway, Vizár, CRYPTO 2015); the signature replaces the authenticated modes of HPKE
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mpc.errors import AgreementError, AuthenticationError, CheckFailed, RemoteProtocolError
from parties.net import frames
from parties.organization.identity import Card, Identity, verify

FORMAT = 1
#: The largest header, in bytes; a header has about 500.
MAX_HEADER = 4 << 10
CHUNK = 1 << 20
_TAG = 16
_SIGNATURE = 64
_LENGTH = Struct("<I")
_FIELDS = {"sealed", "purpose", "study", "sender", "recipient", "number", "ephemeral", "length", "digest"}
#: The largest plaintext: 2^40 bytes, far below the limit of GCM for one key and so many chunks.
_MOST = 1 << 40


@dataclass(frozen=True)
class Header:
    """The header of an envelope, in the clear.

    purpose    "contribution" or "release"
    study      the study hash
    number     grows from one submission of the sender to the next (nanoseconds since 1970)
    length     bytes of the plaintext
    digest     of all that the sender sends to all recipients together; the same on each of their envelopes
    """

    purpose: str
    study: bytes
    sender: bytes
    recipient: bytes
    number: int
    ephemeral: bytes
    length: int
    digest: bytes

    def encoded(self) -> bytes:
        return frames.canonical(
            {
                "sealed": FORMAT,
                "purpose": self.purpose,
                "study": self.study.hex(),
                "sender": self.sender.hex(),
                "recipient": self.recipient.hex(),
                "number": self.number,
                "ephemeral": self.ephemeral.hex(),
                "length": self.length,
                "digest": self.digest.hex(),
            }
        )


def seal(
    identity: Identity, to: Card, *, purpose: str, study: bytes, number: int, digest: bytes, plaintext: bytes
) -> bytes:
    """The envelope of `plaintext` for the organization of the card `to`."""
    ephemeral = X25519PrivateKey.generate()
    header = Header(
        purpose,
        study,
        identity.key_hash,
        to.key_hash,
        number,
        ephemeral.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
        len(plaintext),
        digest,
    ).encoded()
    cipher = _cipher(ephemeral.exchange(X25519PublicKey.from_public_bytes(to.sealing_key)), header)
    chunks = [cipher.encrypt(nonce, plaintext[start:stop], None) for nonce, start, stop in _chunks(len(plaintext))]
    body = b"".join(chunks)
    signature = identity.sign("sealed", sha256(header).digest() + sha256(body).digest())
    return _LENGTH.pack(len(header)) + header + signature + body


def sealed_bytes(header: int, length: int) -> int:
    """The size of an envelope with a header and a plaintext of these lengths, in bytes."""
    return _LENGTH.size + header + _SIGNATURE + length + _TAG * max(1, -(-length // CHUNK))


def read_header(envelope: bytes | memoryview) -> Header:
    """The header of an envelope, not verified yet. RemoteProtocolError if it is malformed."""
    return _split(envelope)[0]


def unseal(
    identity: Identity, sender: Card, envelope: bytes | memoryview, *, purpose: str, study: bytes, most: int
) -> tuple[Header, bytes]:
    """Verify and decrypt an envelope to this organization; header and plaintext.

    most  the largest plaintext in bytes; a longer one is not decrypted
    Raises RemoteProtocolError (malformed, of another purpose, too long), AgreementError (another study),
    AuthenticationError (another recipient, another signer), CheckFailed (it cannot be decrypted).
    """
    name = sender.name
    header, raw, signature, body = _split(envelope)
    if header.purpose != purpose:
        raise RemoteProtocolError(f"the sealed file of {name} is not a {purpose}", peer=name)
    if header.study != study:
        raise AgreementError(
            f"the sealed file of {name} is for another study ({header.study.hex()[:16]}…, not {study.hex()[:16]}…). "
            "Compare the study files, and submit again"
        )
    if header.recipient != identity.key_hash:
        raise AuthenticationError(f"the sealed file of {name} is for another organization than this one", peer=name)
    if header.sender != sender.key_hash:
        raise AuthenticationError(f"the sealed file is not from {name}: it names another key", peer=name)
    if header.length > most:
        raise RemoteProtocolError(
            f"the sealed file of {name} holds {header.length} bytes; at most {most} are expected", peer=name
        )
    if not verify(sender.signing_key, "sealed", sha256(raw).digest() + sha256(body).digest(), signature):
        raise AuthenticationError(
            f"the signature on the sealed file of {name} is wrong: it was changed, or is not from {name}", peer=name
        )
    try:
        secret = identity.sealing.exchange(X25519PublicKey.from_public_bytes(header.ephemeral))
        cipher = _cipher(secret, raw)
        start, parts = 0, []
        for nonce, begin, end in _chunks(header.length):
            size = end - begin + _TAG
            parts.append(cipher.decrypt(nonce, bytes(body[start : start + size]), None))
            start += size
    except (InvalidTag, ValueError):  # ValueError: a point of small order
        raise CheckFailed(
            f"the sealed file of {name} cannot be decrypted here: it was sealed to another key than this home's. "
            f"Does {name} have this organization's present card?"
        ) from None
    return header, b"".join(parts)


def _split(envelope: bytes | memoryview) -> tuple[Header, bytes, bytes, memoryview]:
    """(header, its bytes, signature, ciphertext); all lengths are checked."""
    view = memoryview(envelope)
    if len(view) < _LENGTH.size:
        raise RemoteProtocolError("a sealed file that is cut off")
    (size,) = _LENGTH.unpack_from(view)
    begin = _LENGTH.size + size + _SIGNATURE
    if size > MAX_HEADER or len(view) < begin:
        raise RemoteProtocolError("not a sealed file, or a sealed file that is cut off")
    raw = bytes(view[_LENGTH.size : _LENGTH.size + size])
    header = _header(raw)
    if len(view) != sealed_bytes(size, header.length):
        raise RemoteProtocolError(
            f"a sealed file of {len(view)} bytes; by its header it should have {sealed_bytes(size, header.length)}"
        )
    return header, raw, bytes(view[begin - _SIGNATURE : begin]), view[begin:]


def _header(raw: bytes) -> Header:
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        raise RemoteProtocolError("a sealed file whose header is not JSON") from None
    if not isinstance(fields, dict) or set(fields) != _FIELDS or fields["sealed"] != FORMAT:
        raise RemoteProtocolError("not a sealed file, or of another version of Comity")
    octets = {key: frames.octets(fields, key, 32) for key in ("study", "sender", "recipient", "ephemeral", "digest")}
    header = Header(
        frames.text(fields, "purpose", 20),
        octets["study"],
        octets["sender"],
        octets["recipient"],
        frames.number(fields, "number"),
        octets["ephemeral"],
        frames.number(fields, "length", _MOST),
        octets["digest"],
    )
    if header.encoded() != raw:
        raise RemoteProtocolError("a sealed file whose header is not canonical JSON")
    return header


def _cipher(secret: bytes, header: bytes) -> AESGCM:
    info = b"comity/1/sealed\0" + sha256(header).digest()
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret))


def _chunks(length: int) -> Iterator[tuple[bytes, int, int]]:
    """(nonce, start, stop) of each chunk. The nonce is the chunk's number, and whether it is the last."""
    count = max(1, -(-length // CHUNK))
    for i in range(count):
        yield i.to_bytes(11, "big") + bytes((i == count - 1,)), i * CHUNK, min(length, (i + 1) * CHUNK)
