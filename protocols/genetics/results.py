"""The value of a release of the kind "snps": a list for each column, with an entry for each SNP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mpc.errors import ShapeError
from mpc.releases.disclosure import Opened
from mpc.untyped import Json, JsonObject

#: An R^2 nearer to 1 has too few digits.
_PERFECT = 2.0**-20
_FITS = "undefined: the SNP explains the phenotype"


def names_of(names: Sequence[str] | None, snps: int) -> list[str]:
    """Names of SNPs: given, or their numbers from 1 on. Raises ShapeError for another number of names."""
    if names is None:
        return [f"SNP {k + 1}" for k in range(snps)]
    if len(names) != snps:
        raise ShapeError(f"names= gives {len(names):,} names for {snps:,} SNPs")
    return [str(name) for name in names]


@dataclass(frozen=True)
class Scored:
    """Makes effects and tests from opened scores and variances."""

    test: str
    covariates: int
    exponent: int
    names: Sequence[str] | None
    snps: int
    chosen: bool

    def __call__(self, opened: Mapping[str, Opened]) -> Json:
        for name in ("people", "root", "shift", "left"):
            if not opened[name].ok:
                return opened[name].first_problem()
        n, left = int(opened["people"].values), float(opened["left"].values)
        df = n - self.covariates - 2
        deviation = float(np.ldexp(opened["root"].values, self.exponent - int(opened["shift"].values)))
        score, variance = (np.asarray(opened[name].values, np.float64) for name in ("score", "variance"))
        words = [cell if isinstance(cell, str) else None for cell in opened["score"].cells()]
        explained = score**2 / np.where(variance > 0, variance, 1.0)
        share = np.minimum(explained / left, 1.0)
        words = [_FITS if word is None and r > 1 - _PERFECT else word for word, r in zip(words, share, strict=True)]
        there = np.asarray([word is None for word in words])
        columns = self._columns(score, variance, explained, share, left, deviation, n, df, there)
        names = names_of(self.names, self.snps)
        out: JsonObject = {"test": self.test, "people": n, "snps": names}
        for key, numbers in columns.items():
            out[key] = [word or float(x) for word, x in zip(words, numbers, strict=True)]
        return strongest(out, list(columns), words) if self.chosen else out

    def _columns(
        self, score: Json, variance: Json, explained: Json, share: Json, left: float, deviation: float, n: int,
        df: int, there: Json,
    ) -> dict[str, Json]:  # fmt: skip
        from scipy import special  # scipy.stats takes a second to import

        if self.test == "trend":
            return {"chi_square": n * share, "p": special.chdtrc(1, n * share)}
        variance = np.where(there, variance, 1.0)
        effect = deviation * score / variance
        rest = np.where(there, left - explained, 1.0)
        error = deviation * np.sqrt(np.maximum(rest, 0) / (variance * df))
        t = np.sign(score) * np.sqrt(df * explained / rest)
        return {"effect": effect, "standard_error": error, "t": t, "p": 2 * special.stdtr(df, -np.abs(t))}


def strongest(out: JsonObject, columns: Sequence[str], words: Sequence[str | None]) -> JsonObject:
    """The SNPs that have numbers, the smallest p first; and how many are hidden."""
    shown = sorted((k for k, word in enumerate(words) if word is None), key=lambda k: out["p"][k])
    for key in ("snps", *columns):
        out[key] = [out[key][k] for k in shown]
    suppressed = sum(word is not None and word.startswith("suppressed") for word in words)
    return {**out, "suppressed": suppressed, "hidden": len(words) - len(shown) - suppressed}
