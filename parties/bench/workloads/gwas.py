"""Association of many SNPs with a phenotype: biobanks count their own people's genotypes, the parties combine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mpc.machine.operation import Handle
from mpc.tables.genotypes import GenotypesColumn, spelled
from mpc.tables.local import LocalPass
from mpc.tables.private import PrivateTable
from mpc.tables.rows import ArrayRows
from mpc.tables.schema import RealColumn, Schema
from mpc.tables.source import Source
from parties.bench.workloads.base import FRAC, Workload, largest_of, seeded
from protocols.genetics import association

Reals = NDArray[np.float64]

_PEOPLE, _COVARIATES, _AT_A_TIME = 1000, 2, 20
#: SNPs of a block of the comparison in the clear.
_BLOCK = 4096


def genotypes(snps: int) -> NDArray[np.int8]:
    """Of all people, a few of them at a time."""
    found = np.empty((_PEOPLE, snps), np.int8)
    for start in range(0, _PEOPLE, _AT_A_TIME):
        block = seeded(f"genotypes {start}", (_AT_A_TIME, snps), 1 << 20)
        found[start : start + _AT_A_TIME] = (block + (1 << 20)) % 3
    return found


def chi_squares(copies: NDArray[np.int8], columns: Reals) -> Reals:
    """t^2 df / (df + t^2) of each SNP beside a constant and the covariates (phenotype last), by projection: n R^2."""
    n = len(columns)
    basis, _ = np.linalg.qr(np.column_stack([np.ones(n), columns[:, :-1]]))
    phenotype = columns[:, -1] - basis @ (basis.T @ columns[:, -1])
    found = []
    for start in range(0, copies.shape[1], _BLOCK):
        g = copies[:, start : start + _BLOCK].astype(np.float64)
        g -= basis @ (basis.T @ g)
        found.append(n * (phenotype @ g) ** 2 / ((g * g).sum(0) * (phenotype @ phenotype)))
    return np.concatenate(found)


class Gwas(Workload):
    """A linear model of a phenotype for each SNP, with two covariates: 1,000 people at all owners in equal parts; the
    size is the SNPs. From texts in memory to scores and variances in secret. The error is that of n R^2 of a SNP, a
    chi-square, relative to 1 and itself."""

    unit = "SNPs"
    default = 100_000
    largest = 1 << 19
    tolerance = 1e-4

    @property
    def elements(self) -> int:
        return 40 * self.size

    async def prepare(self) -> None:
        owners = self.run.parties
        numbers = seeded("columns", (_PEOPLE, _COVARIATES + 1), 1 << FRAC) / 2.0**FRAC
        self.columns = numbers
        names = [f"x{k}" for k in range(_COVARIATES + 1)]
        reals = tuple(RealColumn(name, minimum=-2.0, maximum=2.0) for name in names)
        self.schema = Schema("people", (*reals, GenotypesColumn("snps", count=self.size)))
        self.rows = None
        if not self.run.dry:
            self.copies = genotypes(self.size)
            mine = slice(self.run.index, None, owners)
            texts = np.empty(len(numbers[mine]), object)
            texts[:] = spelled(self.copies[mine])
            self.rows = ArrayRows({**dict(zip(names, numbers[mine].T, strict=True)), "snps": texts})

    async def timed(self) -> Handle:
        local = LocalPass(self.run, "people", self.rows)
        source = Source(self.run, "people", self.schema, range(self.run.parties), _PEOPLE, local)
        *covariates, phenotype, genotypes = PrivateTable(source)
        parts = association(genotypes, phenotype, covariates).parts
        self.parts = {name: part.bare() for name, part in parts.items()}
        handles = [part.handle for part in self.parts.values()]
        await self.run.settle(*handles)
        return max(handles, key=lambda handle: handle.depth)

    async def error(self, result: Handle) -> float:
        opened = {}
        for name in ("score", "variance", "left"):
            part = self.parts[name]
            opened[name] = np.ldexp((await self.opened(part.handle)).astype(np.float64), -part.frac)
        if self.run.dry:
            return 0.0
        wanted = chi_squares(self.copies, self.columns)
        found = _PEOPLE * opened["score"] ** 2 / (opened["variance"] * opened["left"])
        return largest_of((found - wanted) / (1 + wanted))
