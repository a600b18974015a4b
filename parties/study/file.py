"""The study file's keys and types, as pydantic checks them."""

from __future__ import annotations

import math
from datetime import date
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from mpc.errors import ConfigError
from mpc.machine.network import NETWORKS
from mpc.suggestions import also, closest
from mpc.tables.schema import Limit
from mpc.text import check_text
from parties.organization.identity import check_name
from parties.text.units import bits_per_second, seconds
from protocols.engines import ENGINES

#: All keys of a study file; a misspelt key is compared with them.
_KEYS = (
    *("scenario", "purpose", "engine", "threshold", "keep_contributions", "parameters", "organizations", "ranges"),
    *("network", "valid_from", "valid_until", "name", "rtt", "bandwidth", "roles", "contributors", "roll", "at_least"),
)
#: pydantic's type of an error -> what to write.
_EXPECTED = {
    "dict_type": "must be a table of keys and values",
    "list_type": 'must be a list, like  ["input", "compute"]',
    "string_type": 'must be text in quotes, like  "text"',
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "date_type": "must be a date, like  2026-05-31",
}
_EXAMPLES = {
    "scenario": '"NAME or FILE.py"',
    "purpose": '"what it is for"',
    "roles": '["input", "compute", "recipient"]',
    "roll": '"NAME.roll"',
}


def problems(errors: ValidationError, where: str) -> str:
    """The errors that pydantic found in a file, for its author: a line for each, at most five."""
    lines = []
    for error in errors.errors(include_url=False, include_context=False)[:5]:
        *above, key = [str(part) for part in error["loc"]] or [""]
        text = _EXPECTED.get(error["type"], error["msg"].removeprefix("Value error, "))
        if error["type"] == "missing":
            text = f"is missing; write  {key} = {_EXAMPLES[key]}" if key in _EXAMPLES else "is missing"
            text = "is missing; write a part  [organizations.NAME]  for each" if key == "organizations" else text
        elif error["type"] == "extra_forbidden":
            text = f"no such key{also(closest(key, _KEYS))}"
        lines.append(f"{where}: {'.'.join([*above, key])}: {text}")
    return "\n".join(lines)


def _name(name: str) -> str:
    try:
        return check_name(name)
    except ConfigError as error:
        raise ValueError(str(error)) from None


def _seen(text: str) -> str:
    try:
        return check_text(text, "the text")
    except ConfigError as error:
        raise ValueError(str(error)) from None


def _engine(engine: str) -> str:
    if engine not in ENGINES:
        raise ValueError(f"no engine {engine!r}; there is {', '.join(ENGINES)}")
    return engine


def _span(limits: tuple[Limit, Limit]) -> tuple[Limit, Limit]:
    low, high = limits  # as they are: limits of whole numbers are exact
    if isinstance(low, str | date) or isinstance(high, str | date):
        return low, high  # of dates, as the schema will check
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError("expected [low, high] with low below high")
    return low, high


def _roles(roles: list[str]) -> list[str]:
    if len(set(roles)) != len(roles):
        raise ValueError("names a role twice")
    return sorted(roles)


Name = Annotated[str, AfterValidator(_name)]
RangeLimit = StrictFloat | StrictInt | StrictStr | Annotated[date, Field(strict=True)]
Text = Annotated[StrictStr, Field(min_length=1, max_length=500), AfterValidator(_seen)]


class OrganizationEntry(BaseModel):
    """[organizations.NAME]: `roles`, and one key for each input it brings."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Text]

    roles: Annotated[list[Text], Field(min_length=1), AfterValidator(_roles)]


class ContributorsEntry(BaseModel):
    """[contributors]: the roll that enrols them, how many of them are enough, and one key for each input that each of
    them brings."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Text]

    roll: Text
    at_least: Annotated[StrictInt, Field(ge=1)] | None = None


class NetworkEntry(BaseModel):
    """[network]: a name, or the round trip and the rate of the slowest link."""

    model_config = ConfigDict(extra="forbid")

    name: StrictStr | None = None
    rtt: Annotated[float | None, BeforeValidator(seconds)] = None
    bandwidth: Annotated[float | None, BeforeValidator(bits_per_second)] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> NetworkEntry:
        if self.name is not None and self.name not in NETWORKS:
            raise ValueError(f"no network {self.name!r}; there is {', '.join(sorted(NETWORKS))}")
        if (self.name is None) == (self.rtt is None) or (self.rtt is None) != (self.bandwidth is None):
            raise ValueError('write either a name, or rtt and bandwidth, like  rtt = "40ms"  bandwidth = "100M"')
        return self


class StudyFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    scenario: Text
    purpose: Text
    engine: Annotated[StrictStr, AfterValidator(_engine)] | None = None
    threshold: StrictInt | None = None
    keep_contributions: StrictBool = False
    parameters: dict[str, Any] = {}
    organizations: dict[Name, OrganizationEntry]
    contributors: ContributorsEntry | None = None
    ranges: dict[str, dict[str, Annotated[tuple[RangeLimit, RangeLimit], AfterValidator(_span)]]] = {}
    network: NetworkEntry | None = None
    valid_from: date | None = None
    valid_until: date | None = None

    @model_validator(mode="after")
    def _once(self) -> StudyFile:
        if self.keep_contributions and self.contributors is not None and self.contributors.at_least is not None:
            raise ValueError(
                "contributors.at_least cannot stand beside keep_contributions: two runs, one of them with an "
                "organization more, would together show the numbers of that organization"
            )
        return self

    @model_validator(mode="after")
    def _dates(self) -> StudyFile:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("valid_until is before valid_from")
        return self
