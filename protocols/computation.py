"""Who computes what with whom: one object for what dry runs, simulations and processes are assembled from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from mpc.errors import ConfigError
from mpc.machine.engine import Engine
from mpc.machine.network import Network
from mpc.releases.scenario import Scenario
from mpc.suggestions import also, closest
from mpc.tables.schema import Limit, Schema
from protocols.engines import check_engine, make_engine

#: Input -> column -> (low, high).
Ranges = Mapping[str, Mapping[str, tuple[Limit, Limit]]]


@dataclass(frozen=True)
class Computation:
    """A scenario, the organizations in their roles, the parameters and the engine. The same at all parties.

    scenario       what is computed
    organizations  their names in index order: those that compute come first
    compute        how many of them compute, the first ones (default: all)
    recipients     names of those that learn releases (default: all)
    owners         input -> indices of the organizations that bring rows of it (default: all; of an input that one
                   organization holds, the organization with the holder's place, as in a demo)
    parameters     values in place of the scenario's defaults; any, since `Scenario.settings` checks their types
    ranges         ranges in place of those that the scenario declares
    engine         a name that `protocols.engines.make_engine` knows
    threshold      how many compute parties together learn nothing (default: the largest that the engine takes)
    network        the network that protocols are chosen for (default: a fast one)

    Raises ConfigError for a name, index, parameter, range, engine or threshold that does not fit.
    """

    scenario: Scenario
    organizations: Sequence[str]
    _: KW_ONLY
    compute: int | None = None
    recipients: Sequence[str] | None = None
    owners: Mapping[str, Sequence[int]] | None = None
    parameters: Mapping[str, Any] | None = None
    ranges: Ranges | None = None
    engine: str = "replicated"
    threshold: int | None = None
    network: Network | None = None

    def __post_init__(self) -> None:
        names = self.organizations
        if len(set(names)) != len(names):
            raise ConfigError(f"two organizations have the same name: {', '.join(names)}")
        if not 1 <= self.parties <= len(names):
            raise ConfigError(f"{self.parties} of {len(names)} organizations cannot compute")
        for name in self.learners:
            if name not in names:
                raise ConfigError(f"recipient {name!r} takes no part{also(closest(name, names))}")
        if self.owners is not None:
            self._check_owners(self.owners)
        check_engine(self.engine, self.parties, self.threshold)
        self.settings()
        self.schemas  # noqa: B018  raises where ranges do not fit

    def _check_owners(self, owners: Mapping[str, Sequence[int]]) -> None:
        if owners.keys() != self.scenario.inputs.keys():
            inputs = ", ".join(self.scenario.inputs)
            raise ConfigError(f"owners are given of {', '.join(owners)}; the scenario's inputs are {inputs}")
        for name, indices in owners.items():
            if not all(0 <= index < len(self.organizations) for index in indices):
                raise ConfigError(f"input {name!r}: owners {list(indices)} of {len(self.organizations)} organizations")

    @property
    def parties(self) -> int:
        """How many organizations compute."""
        return len(self.organizations) if self.compute is None else self.compute

    @property
    def learners(self) -> Sequence[str]:
        """Names of the organizations that learn releases."""
        return self.organizations if self.recipients is None else self.recipients

    @property
    def contributors(self) -> range:
        """Indices of the organizations that do not compute."""
        return range(self.parties, len(self.organizations))

    def owners_of(self, name: str) -> Sequence[int]:
        """Indices of the organizations that bring rows of an input."""
        if self.owners is not None:
            return self.owners[name]
        holder = self.scenario.inputs[name].holder
        if holder is None:
            return range(len(self.organizations))
        return (self.scenario.holders.index(holder) % len(self.organizations),)

    def settings(self) -> SimpleNamespace:
        """The scenario's parameters with the given values, in an object of their own for each run."""
        return self.scenario.settings(self.parameters or {})

    @cached_property
    def schemas(self) -> dict[str, Schema]:
        """The schema of each input, with the given ranges."""
        return self.scenario.schemas(self.ranges)

    @property
    def at_most(self) -> dict[str, int]:
        """Input -> public upper limit of one owner's rows."""
        return {name: entry.at_most for name, entry in self.scenario.inputs.items()}

    def make_engine(self) -> Engine:
        """An engine of its own for one party."""
        return make_engine(self.engine, self.parties, self.threshold)
