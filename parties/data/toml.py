"""TOML files as editors save them: a byte order mark of UTF-8 is skipped, other encodings are named in the error.

And texts and keys as TOML writes them.
"""

from __future__ import annotations

import codecs
import json
import tomllib
from pathlib import Path
from typing import Any

from mpc.errors import ConfigError

_OTHERS = {codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16",
           codecs.BOM_UTF16_BE: "UTF-16"}  # fmt: skip


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a file; ConfigError names it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    return parse_toml(raw, str(path))


def parse_toml(raw: bytes, where: str) -> dict[str, Any]:
    """The content of the bytes of a file; ConfigError names `where`."""
    try:
        return tomllib.loads(plain_text(raw, where))
    except tomllib.TOMLDecodeError as error:
        quotes = '; put text in quotes, like  name = "text"' if str(error).startswith("Invalid value") else ""
        raise ConfigError(f"{where}: not a TOML file ({error}){quotes}") from None


def plain_text(raw: bytes, where: str) -> str:
    """UTF-8 text, without a byte order mark; ConfigError names `where` and the encoding."""
    for mark, name in _OTHERS.items():
        if raw.startswith(mark):
            raise ConfigError(f"{where}: is {name} text; save it as UTF-8 (in Notepad: Save as, Encoding: UTF-8)")
    if b"\0" in raw[:4]:
        raise ConfigError(f"{where}: looks like UTF-16 text; save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{where}: line {line} is not UTF-8 text; save the file as UTF-8") from None


def quoted(text: str) -> str:
    """A TOML basic string: its escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def key(name: str) -> str:
    """A TOML key, quoted if it must be."""
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else quoted(name)
