"""The study document: a scenario with its parameters, participants, roles and dates, as one TOML file.

    scenario = "hospital_statistics"           # or a path, seen from this file
    purpose  = "Baseline of the registry, 2026"
    engine   = "shamir"                        # default: replicated for three compute parties, shamir for others
    threshold = 2                              # default: the largest, just under half of the compute parties

    keep_contributions = true                  # use contributions in further runs, too; default: once only

    [parameters]
    minimum_cohort = 10

    [organizations.st-mary]
    roles = ["input", "compute", "recipient"]
    patients = "oncology.patients"             # input = dataset, in that organization's own catalog

    [network]                                  # the slowest link: protocols are chosen by it
    rtt       = "40ms"
    bandwidth = "100M"

This file reads a study and checks it, alone and against its scenario, and orders the parties. The document that
parties compare is in `parties.study.document`; the differences of two documents in `parties.study.difference`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from mpc.errors import ConfigError
from mpc.machine.network import NETWORKS, Network
from mpc.suggestions import also, closest
from mpc.tables.schema import Limit
from parties.data.misplaced import check_kind
from parties.data.toml import read_toml
from parties.study.loader import Loaded, available, load
from parties.study.trust import choose
from protocols.computation import Computation

ROLES = ("input", "compute", "recipient")


@dataclass(frozen=True)
class Organization:
    """One participant: its roles, and the dataset of its own catalog that it brings for each input."""

    name: str
    roles: tuple[str, ...]
    datasets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyPlan:
    """A study as its file says it, checked without its scenario. Organizations stand in index order.

    engine, threshold   from the file, else the defaults; `threshold` compute parties together learn nothing
    names_engine        whether the file names the engine
    keep_contributions  contributions may be used in further runs of the study
    """

    scenario: str
    purpose: str
    organizations: tuple[Organization, ...]
    engine: str
    threshold: int
    names_engine: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ranges: Mapping[str, Mapping[str, tuple[Limit, Limit]]] = field(default_factory=dict)
    network: Network | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    keep_contributions: bool = False
    path: Path | None = None

    @property
    def participants(self) -> tuple[str, ...]:
        return tuple(organization.name for organization in self.organizations)

    @property
    def recipients(self) -> tuple[str, ...]:
        return self.having("recipient")

    @property
    def helpers(self) -> tuple[str, ...]:
        """Organizations that only compute: they bring nothing and learn nothing."""
        return tuple(o.name for o in self.organizations if o.roles == ("compute",) and not o.datasets)

    def having(self, role: str) -> tuple[str, ...]:
        """Names of the organizations with a role, in index order."""
        return tuple(organization.name for organization in self.organizations if role in organization.roles)

    def index(self, name: str) -> int:
        """The party index of an organization."""
        if name not in self.participants:
            raise ConfigError(
                f"{self.where}: {name!r} does not take part; the organizations are {', '.join(self.participants)}"
            )
        return self.participants.index(name)

    @property
    def where(self) -> str:
        return str(self.path) if self.path else "study"

    def check_date(self, today: date) -> None:
        """Raises ConfigError outside of the agreed dates."""
        if self.valid_from and today < self.valid_from:
            raise ConfigError(f"{self.where}: valid_from is {self.valid_from}; this machine's clock says {today}")
        if self.valid_until and today > self.valid_until:
            raise ConfigError(
                f"{self.where}: valid_until was {self.valid_until}; this machine's clock says {today}. "
                "Agree on a new study"
            )


@dataclass(frozen=True)
class BoundStudy:
    """A study together with its scenario, and the computation that they describe: all that a run is assembled from."""

    plan: StudyPlan
    loaded: Loaded
    computation: Computation


def open_study(path: Path) -> BoundStudy:
    """Reads a study file and its scenario and checks them against each other. Raises ConfigError."""
    plan = read_study(path)
    return bind(plan, load(plan.scenario, base=path.parent))


def read_study(path: Path) -> StudyPlan:
    """Reads a study file. Raises ConfigError naming file and key."""
    check_kind(path, "study", bundled=available())
    return make_study(read_toml(path), path)


def make_study(document: Mapping[str, Any], path: Path | None = None) -> StudyPlan:
    """A study from the contents of its file. Raises ConfigError naming file and key."""
    where = str(path) if path else "study"
    values = _validated(document, where)
    organizations = [
        Organization(name, tuple(entry.pop("roles")), entry) for name, entry in values.pop("organizations").items()
    ]
    network = _network(values.pop("network"))
    named = values.pop("engine")
    try:
        compute = sorted(organization.name for organization in organizations if "compute" in organization.roles)
        engine, threshold = choose(compute, named, values.pop("threshold"))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}{_unknown_roles(organizations)}") from None
    plan = StudyPlan(
        organizations=_ordered(organizations),
        engine=engine,
        threshold=threshold,
        names_engine=named is not None,
        network=network,
        path=path,
        **values,
    )
    _check_parties(plan)
    return plan


def bind(plan: StudyPlan, loaded: Loaded) -> BoundStudy:
    """Checks a study against its scenario: parameters, ranges, and who brings which input."""
    scenario, where = loaded.scenario, plan.where
    holders = {entry.holder for entry in scenario.inputs.values() if entry.holder}
    for organization in plan.organizations:
        at = f"{where}: [organizations.{organization.name}]"
        for role in organization.roles:
            if role not in ROLES and role not in holders:
                expected = ", ".join([*ROLES, *sorted(holders)])
                meant = also(closest(role, [*ROLES, *holders]))
                raise ConfigError(f"{at} roles: {role!r} is not a role of this study; expected {expected}{meant}")
        for name in organization.datasets:
            if name not in scenario.inputs:
                inputs = ", ".join(scenario.inputs)
                raise ConfigError(f"{at} {name}: the scenario has no such input; it asks for {inputs}")
            if "input" not in organization.roles and scenario.inputs[name].holder not in organization.roles:
                raise ConfigError(f'{at} names a dataset for {name}, but its roles do not include "input"')
    owners = {name: _owners(plan, name, entry.holder, where) for name, entry in scenario.inputs.items()}
    try:
        computation = Computation(
            scenario,
            plan.participants,
            compute=len(plan.having("compute")),
            recipients=plan.recipients,
            owners=owners,
            parameters=plan.parameters,
            ranges=plan.ranges,
            engine=plan.engine,
            threshold=plan.threshold,
            network=plan.network,
        )
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    return BoundStudy(plan, loaded, computation)


def _owners(plan: StudyPlan, name: str, holder: str | None, where: str) -> tuple[int, ...]:
    bringing = tuple(i for i, organization in enumerate(plan.organizations) if name in organization.datasets)
    if holder is not None:
        if len(bringing) != 1:
            raise ConfigError(
                f'{where}: exactly one organization brings {name} (the {holder}); write  {name} = "DATASET"  at it, '
                f"found at {', '.join(plan.participants[i] for i in bringing) or 'none'}"
            )
        return bringing
    for organization in plan.organizations:
        if "input" in organization.roles and name not in organization.datasets:
            raise ConfigError(
                f"{where}: [organizations.{organization.name}] brings data but no {name}; "
                f'write  {name} = "DATASET"  with a name of its catalog'
            )
    if not bringing:
        raise ConfigError(f'{where}: nobody brings {name}; give an organization the role "input" and a dataset')
    return bringing


def _network(entry: Mapping[str, Any] | None) -> Network | None:
    if entry is None:
        return None
    return NETWORKS[entry["name"]] if entry["name"] else Network(entry["rtt"], entry["bandwidth"])


def _ordered(organizations: list[Organization]) -> tuple[Organization, ...]:
    """Index order: compute parties by name, then the others by name; the order in the file means nothing."""
    return tuple(sorted(organizations, key=lambda o: ("compute" not in o.roles, o.name)))


def _check_parties(plan: StudyPlan) -> None:
    if not plan.recipients:
        unknown = _unknown_roles(plan.organizations)
        raise ConfigError(
            f'{plan.where}: nobody would learn the results; give an organization the role "recipient"{unknown}'
        )


def _unknown_roles(organizations: Iterable[Organization]) -> str:
    """Roles that may be misspelt, as further lines: only the scenario knows what other roles there are."""
    lines = [
        f"[organizations.{organization.name}] has the role {role!r}{also(closest(role, ROLES))}"
        for organization in organizations
        for role in organization.roles
        if role not in ROLES
    ]
    return "".join(f"\n{line}" for line in lines)


def _validated(document: Mapping[str, Any], where: str) -> dict[str, Any]:
    from pydantic import ValidationError

    from parties.study.file import StudyFile, problems

    try:
        return StudyFile.model_validate(dict(document)).model_dump()
    except ValidationError as errors:
        raise ConfigError(problems(errors, where)) from None
