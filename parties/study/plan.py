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

    [contributors]                             # very many that bring data and do not compute, enrolled by a file
    roll = "devices.roll"
    habits = "habits"
    at_least = 9000                            # the run begins without the others after --wait; default: all

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
from functools import cached_property
from pathlib import Path
from typing import Any

from mpc.errors import ConfigError
from mpc.machine.network import NETWORKS, Network
from mpc.suggestions import also, closest
from mpc.tables.schema import Limit
from parties.data.misplaced import check_kind
from parties.data.toml import read_toml
from parties.organization.place import Enrolled
from parties.study.enrolment import enrolled_by
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
class Contributors:
    """Organizations that bring data and do not compute, which the study does not name: a roll enrols them.

    roll      the file's name in the study
    enrolled  the roll, or at one of them its place in it
    datasets  what each of them brings, as in `Organization`
    at_least  so many of them are enough once all compute parties have waited; None: the run waits for all
    """

    roll: str
    enrolled: Enrolled
    datasets: Mapping[str, str]
    at_least: int | None = None

    @property
    def count(self) -> int:
        return len(self.enrolled.names)

    def __str__(self) -> str:
        return f"{self.count:,} organizations enrolled by {self.roll}"


@dataclass(frozen=True)
class StudyPlan:
    """A study as its file says it, checked without its scenario. Organizations stand in index order; those that a roll
    enrols come last.

    engine, threshold   from the file, else the defaults; `threshold` compute parties together learn nothing
    names_engine        whether the file names the engine
    keep_contributions  contributions may be used in further runs of the study
    """

    scenario: str
    purpose: str
    organizations: tuple[Organization, ...]  #: Those that the study names.
    engine: str
    threshold: int
    names_engine: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ranges: Mapping[str, Mapping[str, tuple[Limit, Limit]]] = field(default_factory=dict)
    network: Network | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    keep_contributions: bool = False
    contributors: Contributors | None = None
    path: Path | None = None

    @cached_property
    def participants(self) -> tuple[str, ...]:
        """The names of all organizations. At an enrolled one, names of the other enrolled ones may be stand-ins."""
        named = tuple(organization.name for organization in self.organizations)
        return named if self.contributors is None else (*named, *self.contributors.enrolled.names)

    @property
    def enrolled(self) -> range:
        """The indices of the organizations that a roll enrols."""
        return range(len(self.organizations), len(self.participants))

    @property
    def recipients(self) -> tuple[str, ...]:
        return self.having("recipient")

    @property
    def helpers(self) -> tuple[str, ...]:
        """Organizations that only compute: they bring nothing and learn nothing."""
        return tuple(o.name for o in self.organizations if o.roles == ("compute",) and not o.datasets)

    def having(self, role: str) -> tuple[str, ...]:
        """Names of the organizations with a role, in index order; not of enrolled ones."""
        return tuple(organization.name for organization in self.organizations if role in organization.roles)

    def index(self, name: str) -> int:
        """The party index of an organization."""
        if name not in self._indices:
            named = ", ".join(organization.name for organization in self.organizations)
            others = "" if self.contributors is None else f", and {self.contributors}"
            raise ConfigError(f"{self.where}: {name!r} does not take part; the organizations are {named}{others}")
        return self._indices[name]

    def datasets(self, name: str) -> Mapping[str, str]:
        """What an organization brings: input -> dataset of its catalog."""
        index = self.index(name)
        if index not in self.enrolled:
            return self.organizations[index].datasets
        assert self.contributors is not None
        return self.contributors.datasets

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.participants)}

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


def open_study(path: Path, place: Path | None = None) -> BoundStudy:
    """Reads a study file and its scenario and checks them against each other. `place`: see `read_study`. Raises
    ConfigError."""
    plan = read_study(path, place)
    return bind(plan, load(plan.scenario, base=path.parent))


def read_study(path: Path, place: Path | None = None) -> StudyPlan:
    """Reads a study file. Raises ConfigError naming file and key.

    place  at an enrolled organization, the file with its place in the roll; default: `parties.study.enrolment`
    """
    check_kind(path, "study", bundled=available())
    return make_study(read_toml(path), path, place)


def make_study(document: Mapping[str, Any], path: Path | None = None, place: Path | None = None) -> StudyPlan:
    """A study from the contents of its file. Raises ConfigError naming file and key."""
    where = str(path) if path else "study"
    values = _validated(document, where)
    organizations = [
        Organization(name, tuple(entry.pop("roles")), entry) for name, entry in values.pop("organizations").items()
    ]
    network = _network(values.pop("network"))
    contributors = _contributors(values.pop("contributors"), path, place)
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
        contributors=contributors,
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
    if plan.contributors is not None:
        _check_inputs(plan.contributors, scenario.inputs, where)
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
    if plan.contributors is not None and name in plan.contributors.datasets:
        bringing += tuple(plan.enrolled)
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


def _contributors(entry: dict[str, Any] | None, path: Path | None, place: Path | None) -> Contributors | None:
    if entry is None:
        return None
    roll, at_least = entry.pop("roll"), entry.pop("at_least")
    contributors = Contributors(roll, enrolled_by(roll, path, place), entry, at_least)
    if at_least is not None and at_least > contributors.count:
        raise ConfigError(f"{path or 'study'}: contributors.at_least: {at_least:,} of {contributors}")
    return contributors


def _check_inputs(contributors: Contributors, inputs: Mapping[str, Any], where: str) -> None:
    """ConfigError if enrolled organizations bring an input that they cannot bring, or lack one that all bring."""
    at = f"{where}: [contributors]"
    for name in contributors.datasets:
        if name not in inputs:
            raise ConfigError(f"{at} {name}: the scenario has no such input; it asks for {', '.join(inputs)}")
        if inputs[name].holder is not None:
            raise ConfigError(f"{at} {name}: one organization brings it (the {inputs[name].holder}); name it")
    for name, entry in inputs.items():
        if entry.holder is None and name not in contributors.datasets:
            raise ConfigError(
                f'{at} bring data but no {name}; write  {name} = "DATASET"  with a name of their catalogs'
            )


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
    if plan.contributors is not None:
        enrolled = set(plan.contributors.enrolled.names)
        for name in (organization.name for organization in plan.organizations):
            if name in enrolled:
                raise ConfigError(
                    f"{plan.where}: {name} has a part  [organizations.{name}]  and is enrolled by "
                    f"{plan.contributors.roll}, too: take it out of one of the two"
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
