"""The agreed document of a study and its hash: what parties compare before any data moves.

Canonical JSON: UTF-8, strings in NFC, keys sorted, no white space, no floats (a decimal stands as text). Addresses,
waiting times and versions of other libraries are no part of it.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mpc.errors import ConfigError
from parties.study.plan import BoundStudy

#: An agreed document: JSON values by key.
Document = dict[str, Any]
FORMAT = 1
_TAG = b"comity/1/study\0"


def comity_version() -> str:
    """The version of this installation."""
    try:
        return version("comity")
    except PackageNotFoundError:
        return "unknown"


def agreed_document(
    study: BoundStudy, *, keys: Mapping[str, bytes], manifest: Sequence[Mapping[str, Any]], protocol: int
) -> Document:
    """All that the participants of a study agree to, as plain JSON values.

    keys      organization -> SHA-256 of its public key
    manifest  the releases, from the dry run
    protocol  version of the messages between parties
    """
    plan, loaded = study.plan, study.loaded
    missing = [organization.name for organization in plan.organizations if organization.name not in keys]
    if missing:
        raise ConfigError(
            f"{plan.where}: the key of {missing[0]} is not known here; get its card, then  comity peer add CARD"
        )
    inputs = {
        name: {
            "columns": schema.describe(),
            "order": list(schema.names),
            "holder": loaded.scenario.inputs[name].holder,
            "at_most": study.computation.at_most[name],
        }
        for name, schema in study.computation.schemas.items()
    }
    document = {
        "format": FORMAT,
        "comity": comity_version(),
        "protocol": protocol,
        "engine": plan.engine,
        "threshold": plan.threshold,
        "scenario": loaded.name,
        # The hash is over the bytes: two spellings that NFC makes equal are still two sources.
        "sources": {
            name: {"sha256": sha256(source).hexdigest(), "text": source.decode("utf-8", "replace")}
            for name, source in loaded.sources.items()
        },
        "parameters": vars(study.computation.settings()),
        "inputs": inputs,
        # A party that chose other protocols would wait for messages that never come.
        "network": plan.network
        and {"rtt": f"{plan.network.rtt_s!r} s", "bandwidth": f"{plan.network.bits_per_second!r} bit/s"},
        "purpose": plan.purpose,
        "keep_contributions": plan.keep_contributions,
        "valid_from": plan.valid_from.isoformat() if plan.valid_from else None,
        "valid_until": plan.valid_until.isoformat() if plan.valid_until else None,
        "participants": [
            {
                "name": organization.name,
                "key": keys[organization.name].hex(),
                "roles": sorted(organization.roles),
                "datasets": dict(organization.datasets),
            }
            for organization in plan.organizations
        ],
        "releases": list(manifest),
    }
    if plan.contributors is not None:
        # The digest stands for names and keys of all whom the roll enrols, in index order.
        document["contributors"] = {
            "enrolled": plan.contributors.count,
            "roll": plan.contributors.enrolled.digest.hex(),
            "datasets": dict(plan.contributors.datasets),
            "at_least": plan.contributors.at_least,
        }
    if loaded.shares:  # people must read these lines, too
        document["works_on_shares"] = list(loaded.shares)
    plain = _plain(document)
    assert isinstance(plain, dict)
    return plain


def canonical(document: Document) -> bytes:
    """The bytes that are hashed, signed and sent."""
    return json.dumps(
        _plain(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8")


def study_hash(document: Document) -> bytes:
    """SHA-256 of a tag for studies and the canonical document."""
    return sha256(_TAG + canonical(document)).digest()


def study_words(digest: bytes) -> str:
    """The first three words of a study hash: for people, on the screen. Machines compare all of it."""
    from parties.organization.identity import in_words

    return in_words(digest, 3)


def _plain(value: Any) -> Any:
    """The value in JSON without floats; {"decimal": "0.5"} keeps a number apart from a text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ConfigError(f"{value} cannot stand in a study")
        return {"decimal": repr(float(value))}
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, Mapping):
        return {unicodedata.normalize("NFC", str(key)): _plain(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_plain(entry) for entry in value]
    raise ConfigError(f"a {type(value).__name__} cannot stand in a study")
