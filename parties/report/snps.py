"""A release of many SNPs: the form of its value, which of them are shown to people, and what it says of all."""

from __future__ import annotations

import heapq
from collections import Counter
from statistics import median
from typing import Any, Final

from pydantic import Field, model_validator

from parties.report.model import Model, same_length
from parties.report.words import Number, scientific

#: A list of the value -> its heading.
_HEADINGS: Final = {
    "copies": "copies",
    "called": "people",
    "frequency": "frequency",
    "none": "no copy",
    "one": "one copy",
    "two": "two copies",
    "frequency_cases": "freq. cases",
    "frequency_others": "freq. others",
    "odds_ratio": "odds ratio",
    "ci_low": "95 % low",
    "ci_high": "95 % high",
    "effect": "effect",
    "standard_error": "std. err.",
    "t": "t",
    "z": "z",
    "chi_square": "chi-square",
    "p": "p",
}
#: Of fewer SNPs the inflation tells nothing.
_LEAST: Final = 100
#: The median of chi-square with one degree of freedom.
_MEDIAN: Final = 0.454936423119572


class Snps(Model):
    """Kind "snps": lists with an entry for each SNP.

    chosen  only the strongest SNPs are there: so many are `hidden`, and so many `suppressed`
    """

    test: str
    snps: list[str]
    people: Number | None = None
    hidden: int | None = None
    suppressed: int | None = None
    columns: dict[str, list[Number]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and "columns" not in raw:
            return {**raw, "columns": {key: raw[key] for key in _HEADINGS if key in raw}}
        return raw

    @model_validator(mode="after")
    def _check(self) -> Snps:
        if not self.columns:
            raise ValueError("snps: no list of numbers")
        same_length("snps", len(self.snps), *self.columns.values())
        return self

    @property
    def headings(self) -> list[tuple[str, str]]:
        """The lists that it has: key and heading."""
        return [(key, _HEADINGS[key]) for key in self.columns]

    @property
    def chosen(self) -> bool:
        """Whether only the strongest come out."""
        return self.hidden is not None

    @property
    def p(self) -> list[tuple[int, float]]:
        """Place and p of each SNP that has one."""
        return [(k, float(x)) for k, x in enumerate(self.columns.get("p", ())) if not isinstance(x, str)]

    def shown(self, most: int) -> list[int]:
        """The places of the SNPs with the smallest p, the smallest first; without p the first SNPs."""
        if "p" not in self.columns:
            return list(range(min(most, len(self.snps))))
        return [k for k, _ in heapq.nsmallest(most, self.p, key=lambda pair: pair[1])]

    def missed(self, most: int) -> str:
        """What a table of so many SNPs leaves out, in words; empty if nothing."""
        shown, known = len(self.shown(most)), self.tested
        which = "the smallest p" if "p" in self.columns else "the first"
        return f"{shown:,} of {known:,} SNPs with numbers: {which}" if shown < known else ""

    @property
    def tested(self) -> int:
        """How many SNPs have numbers."""
        last = self.columns["p"] if "p" in self.columns else next(reversed(self.columns.values()))
        return sum(not isinstance(x, str) for x in last)

    @property
    def threshold(self) -> float:
        """Below it, p is significant at 5 % after Bonferroni's correction."""
        return 0.05 / max(self.tested, 1)

    @property
    def inflation(self) -> float | None:
        """The median of chi-square as a multiple of what chance makes it: above 1.1, people are of several descents, or
        related (Devlin and Roeder, Biometrics 55, 1999). None of few SNPs, and of counts of whole numbers."""
        numbers = self.p
        if self.chosen or self.test == "Hardy-Weinberg" or len(numbers) < _LEAST:
            return None
        from scipy import special  # takes time to import

        return float(special.chdtri(1, median(p for _, p in numbers))) / _MEDIAN

    @property
    def facts(self) -> list[tuple[str, Number]]:
        """What there is to say of all SNPs, with labels."""
        key = "p" if "p" in self.columns else next(iter(self.columns))
        words = Counter(x for x in self.columns[key] if isinstance(x, str))
        facts: list[tuple[str, Number | None]] = [
            ("test", self.test if "p" in self.columns else None),
            ("people", self.people),
            ("SNPs with numbers", self.tested),
            *words.items(),
            ("not among the strongest", self.hidden),
            ("suppressed", self.suppressed),
        ]
        if "p" in self.columns and not self.chosen and self.tested:
            below = sum(p < self.threshold for _, p in self.p)
            facts += [(f"p below {scientific(self.threshold)} (Bonferroni)", below)]
        facts.append(("inflation of chi-square", self.inflation))
        return [(label, x) for label, x in facts if x is not None]
