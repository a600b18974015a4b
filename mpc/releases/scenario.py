"""A scenario: what it asks for, its parameters, its script and its plaintext oracle."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from inspect import signature
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from mpc.errors import ConfigError
from mpc.suggestions import also, closest
from mpc.tables.schema import Input, Limit, Schema
from mpc.untyped import Anything, JsonObject

if TYPE_CHECKING:
    from mpc.releases.study import Study

Script = Callable[["Study"], Coroutine[Any, Any, None]]
Parameter = bool | int | float | str | list[Any]


class Scenario:
    """What a scenario module defines under the name `scenario`.

    inputs      name -> Input (`Patients.rows()`, `Register.held_by("hospital")`)
    parameters  name -> default; a study may give others of the same type
    samples     the bundled scenario whose sample data it uses; "": its own
    tolerance   largest relative difference between a release and that of `plaintext` that `comity demo` accepts
    """

    def __init__(
        self,
        *,
        inputs: Mapping[str, Input],
        parameters: Mapping[str, Parameter] | None = None,
        samples: str = "",
        tolerance: float = 1e-4,
    ) -> None:
        if not inputs:
            raise ConfigError("a scenario needs at least one input")
        for name, entry in inputs.items():
            if not isinstance(entry, Input):
                raise ConfigError(
                    f"input {name!r}: an input is {_shown(entry)}.rows(), or .held_by(ROLE) in place of .rows()"
                )
        for name, value in (parameters or {}).items():
            if not isinstance(name, str) or not isinstance(value, bool | int | float | str | list):
                raise ConfigError(
                    f"parameter {name!r}: {value!r}; a name with a number, a text, true or false, or a list of them"
                )
        self.inputs = dict(inputs)
        self.parameters: dict[str, Parameter] = dict(parameters or {})
        self.samples = samples
        self.tolerance = float(tolerance)
        self._script: Script | None = None
        self._plaintext: Callable[..., dict[str, Any]] | None = None

    def run(self, script: Script) -> Script:
        """Decorator: `async def run(study)`, the script that every party executes."""
        try:
            signature(script).bind(None)
        except TypeError:
            raise ConfigError("the function under @scenario.run takes one argument: async def run(study)") from None
        self._script = script
        return script

    def plaintext(self, oracle: Callable[..., JsonObject]) -> Callable[..., JsonObject]:
        """Decorator: a function of the pooled pandas tables that gives the same releases, name -> value in the JSON
        form of the release. It takes an argument for each table, and may take `parameters` after them."""
        self._plaintext = oracle
        return oracle

    @property
    def holders(self) -> list[str]:
        """The roles whose holder brings a whole table, in the order of the inputs."""
        return list(dict.fromkeys(entry.holder for entry in self.inputs.values() if entry.holder))

    @property
    def script(self) -> Script:
        """The function under `@scenario.run`. Raises ConfigError where there is none."""
        if self._script is None:
            raise ConfigError("this scenario has no `@scenario.run`")
        return self._script

    @property
    def oracle(self) -> Callable[..., JsonObject] | None:
        """The function under `@scenario.plaintext`, or None."""
        return self._plaintext

    def settings(self, given: Mapping[str, Anything]) -> SimpleNamespace:
        """The defaults, overridden by `given`. Raises ConfigError for an unknown name or another type."""
        values: dict[str, Parameter] = dict(self.parameters)
        for name, value in given.items():
            if name not in values:
                meant = also(closest(name, values))
                raise ConfigError(f"unknown parameter {name!r}; this scenario has {', '.join(values) or 'none'}{meant}")
            default = values[name]
            if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            if type(value) is not type(default):
                raise ConfigError(
                    f"parameter {name}: expected {type(default).__name__}, found {type(value).__name__} ({value!r})"
                )
            if name == "minimum_cohort" and isinstance(value, int) and value < 1:
                raise ConfigError(f"parameter {name}: {value}; a minimum is 1 row or more (10 is usual)")
            values[name] = value
        return SimpleNamespace(**values)

    def schemas(self, ranges: Mapping[str, Mapping[str, tuple[Limit, Limit]]] | None = None) -> dict[str, Schema]:
        """The schema of each input, with a study's ranges in place of the declared ones."""
        given = dict(ranges or {})
        for name in given:
            if name not in self.inputs:
                raise ConfigError(f"[ranges.{name}]: this scenario has no input {name!r}")
        return {name: entry.schema.with_ranges(given.get(name, {})) for name, entry in self.inputs.items()}


def _shown(entry: object) -> str:
    """The name of a table's class in a script; an example for other objects."""
    return entry.__name__ if isinstance(entry, type) else "People"
