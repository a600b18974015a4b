"""The organizations that a study's roll enrols: read where the study stands, or from a place at one of them.

study.toml      roll = "devices.roll"
devices.roll    beside the study: at compute parties and at other organizations that the study names
devices.place   beside the study in place of it, or the file that `--place` names: at an enrolled organization
"""

from __future__ import annotations

from pathlib import Path

from mpc.errors import ConfigError
from parties.organization.place import SUFFIX, Enrolled, read_place
from parties.organization.roll import read_roll


def enrolled_by(roll: str, study: Path | None, place: Path | None) -> Enrolled:
    """The roll that a study names, or a place in it. Raises ConfigError, also if neither file is there."""
    if place is not None:
        return read_place(place)
    path = roll_path(roll, study)
    own = path.with_suffix(SUFFIX)
    if path.exists():
        return read_roll(path)
    if own.exists():
        return read_place(own)
    raise ConfigError(
        f"{study or 'study'}: [contributors] roll: {path} is not there. A named organization needs this file from "
        f"whoever made it; an enrolled one needs its place in it, as {own.name} beside the study or with --place FILE"
    )


def roll_path(roll: str, study: Path | None) -> Path:
    """The path of a roll, seen from its study."""
    return Path(roll) if study is None else study.parent / roll
