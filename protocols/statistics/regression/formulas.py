"""Models by a formula, such as "y ~ C(arm) * age + log(dose)", with the names of statsmodels.

formulaic reads a formula into terms and factors; `factors` computes the factors of a table. Levels of categories are
public, and so is the number of columns. A categorical factor has a column for each level but the reference, or for each
level where the columns before it leave room for that (the rule of patsy).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any, NamedTuple

from mpc.errors import ConfigError
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.tables.secret_table import SecretTable
from mpc.values.basis import union
from mpc.values.secret import SecretArray
from protocols.models.rows import Coded
from protocols.statistics.regression.factors import POSSIBLE, Factor, Rows, factor

#: The name of the constant term.
CONSTANT = "Intercept"


@dataclass(frozen=True)
class Term:
    """A term, and which of the columns it has."""

    name: str
    columns: tuple[int, ...]


@dataclass
class Model:
    """The columns of a formula over the rows of a table.

    response  the left side
    names     of the columns, without the constant;  columns  private or shared
    terms     without the constant
    levels    of each column, which levels its rows are at: column of the table -> level
    whole     of each column, whether it is the flag of these levels, and no number of their rows
    groups    factors of levels and flags whose combinations the estimates tell apart: those of a term, and each two
    """

    response: Any
    names: list[str] = field(default_factory=list)
    columns: list[Any] = field(default_factory=list)
    terms: list[Term] = field(default_factory=list)
    levels: list[dict[str, str]] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    groups: list[tuple[Factor, ...]] = field(default_factory=list)


def private_model(statistic: str, formula: str, rows: object, *, levels: bool = False) -> Model:
    """The model over rows that stay with their owners. Raises ConfigError for any other rows.

    levels  the left side is a category
    """
    if not isinstance(rows, PrivateTable):
        shared = " whose rows stay with their owners, without share()" if isinstance(rows, SecretTable) else ""
        raise ConfigError(f'{statistic}("{formula}", …): expected a table{shared}, as in data=study.table("patients")')
    return model(formula, rows, levels=levels)


def shared_model(statistic: str, formula: str, rows: object) -> tuple[SecretArray, Coded]:
    """Outcome and predictors of a model over shared rows. Raises ConfigError for any other rows, and for products of a
    number and levels that are no column themselves: the rows at these levels are then not counted."""
    if not isinstance(rows, SecretTable):
        raise ConfigError(f'{statistic}("{formula}", …): expected shared rows, as in table.share(rows=1000)')
    found = model(formula, rows)
    flags = [levels for levels, whole in zip(found.levels, found.whole, strict=True) if whole]
    for name, levels, whole in zip(found.names, found.levels, found.whole, strict=True):
        if levels and not whole and levels not in flags:
            raise ConfigError(
                f"formula: {name}: of shared rows, levels and flags that multiply a number must be terms, too: write * "
                "in place of :"
            )
    columns = zip(found.names, found.columns, strict=True)
    return found.response, Coded(columns, CONSTANT, _impossible(found), _at_references(found))


def model(formula: str, rows: Rows, *, levels: bool = False) -> Model:
    """The columns of a formula. Raises ConfigError where it is none, or asks for what cannot be computed."""
    left, terms = parsed(formula)
    factors = {text: factor(text, rows) for text in dict.fromkeys([left, *(text for term in terms for text in term)])}
    if factors[left].levels and not levels:
        raise ConfigError(f"formula: the left side {left} is a category; it must be a number or a flag")
    found = Model(_named(factors[left].column, left))
    used: dict[frozenset[str], set[frozenset[str]]] = {frozenset(): {frozenset()}}
    for term in terms:
        numbers = frozenset(text for text in term if not factors[text].levels)
        coded = _codings([text for text in term if factors[text].levels], used.setdefault(numbers, set()))
        start = len(found.columns)
        for coding in coded:
            _add(found, [factors[text] for text in term if text in numbers or text in coding], coding)
        found.terms.append(Term(":".join(term), tuple(range(start, len(found.columns)))))
    found.groups = _groups([[factors[text] for text in term] for term in terms])
    return found


def parsed(formula: str) -> tuple[str, list[tuple[str, ...]]]:
    """The left side and the terms, each a tuple of factors; the constant is not among them."""
    from formulaic import Formula  # half a second to import
    from formulaic.errors import FormulaicError

    if bare := re.search(r"[\w\1]\s*(\*\*|\^)", _outside(formula)):
        raise ConfigError(f"formula {formula!r}: {bare.group(1)} repeats terms there; for a power write I(x**2)")
    try:
        found = Formula(formula)
    except (FormulaicError, SyntaxError, AttributeError, TypeError, ValueError) as error:
        why = str(error).split("\n")[0] if isinstance(error, FormulaicError) else ""
        raise ConfigError(
            f"formula {formula!r} is none: {why or 'it cannot be read'}. Possible are {POSSIBLE}"
        ) from None
    sides = [getattr(found, side, None) for side in ("lhs", "rhs")]
    texts: list[list[tuple[str, ...]]] = []
    for side in sides:
        if side is None or not all(hasattr(term, "factors") for term in side):
            raise ConfigError(f'formula {formula!r}: expected one response and its terms, as in "y ~ C(arm) + age"')
        texts.append([tuple(_quoted(f.expr, formula) for f in term.factors) for term in side])
    left, right = texts
    if len(left) != 1 or len(left[0]) != 1:
        raise ConfigError(f'formula {formula!r}: expected one response on the left side, as in "y ~ C(arm) + age"')
    if ("1",) not in right:
        raise ConfigError(f"formula {formula!r}: a model without a constant is not possible; leave out 0 and - 1")
    terms = [term for term in right if term != ("1",)]
    if not terms:
        raise ConfigError(f"formula {formula!r}: expected at least one term besides the constant")
    return left[0][0], terms


def _outside(formula: str) -> str:
    """The formula with \\1 in place of calls, and \\2 in place of other parts in parentheses."""
    text, before = formula, ""
    while text != before:
        before = text
        text = re.sub(r"(?<![\w.])\([^()]*\)", "\2", text)
        text = re.sub(r"[\w.]+\([^()]*\)", "\1", text)
    return text


def _quoted(text: str, formula: str) -> str:
    """A factor with the quotes of the formula: formulaic gives single ones."""
    return text.replace("'", '"') if '"' in formula and "'" not in formula else text


def _codings(categorical: Sequence[str], used: set[frozenset[str]]) -> list[dict[str, bool]]:
    """How the categorical factors of a term are coded beside terms before it, of the same numbers: for each part of the
    term factor -> whether all levels have a column. used: sets of factors that have columns already; added to.

    Source  N. J. Smith, patsy, "Redundancy and categorical factors"
    """
    sets = [part for size in range(len(categorical) + 1) for part in combinations(categorical, size)]
    parts = [dict.fromkeys(part, False) for part in sets if frozenset(part) not in used]
    used.update(frozenset(part) for part in sets)
    while (pair := _absorbed(parts)) is not None:
        short, long, added = pair
        parts[long][added] = True
        del parts[short]
    return parts


def _absorbed(parts: Sequence[dict[str, bool]]) -> tuple[int, int, str] | None:
    """A part that is another one without a factor: with all levels of that factor, the other one has it, too."""
    for i, short in enumerate(parts):
        for j in range(i + 1, len(parts)):
            rest = {text: full for text, full in parts[j].items() if text not in short}
            if len(parts[j]) == len(short) + 1 and short.items() <= parts[j].items() and not any(rest.values()):
                return i, j, next(iter(rest))
    return None


def _add(found: Model, factors: Sequence[Factor], coding: dict[str, bool]) -> None:
    """Add the columns of one part of a term, the level of its first factor changing fastest."""
    choices = [_choices(f, full=coding.get(f.text, False)) for f in factors]
    for reverse in product(*reversed(choices)):
        chosen = list(reversed(reverse))
        flags = [choice.column for choice in chosen if choice.level]
        numbers = [choice.column for choice in chosen if not choice.level]
        found.names.append(":".join(choice.name for choice in chosen))
        found.columns.append(_named(_joined(flags, numbers), found.names[-1]))
        found.levels.append({f.of: choice.level for f, choice in zip(factors, chosen, strict=True) if choice.level})
        found.whole.append(not numbers)


class _Choice(NamedTuple):
    """One column of a factor: a number, or the flag of a level."""

    name: str
    column: Any
    level: str = ""


def _choices(f: Factor, *, full: bool) -> list[_Choice]:
    if f.levels:
        levels = f.levels if full else f.levels[1:]
        return [_Choice(f"{f.text}[{'' if full else 'T.'}{level}]", f.at(level), level) for level in levels]
    if f.parts:
        return [_Choice(f"{f.text}[{j}]", part) for j, part in enumerate(f.parts)]
    return [_Choice(f.text, f.column, "True" if f.flag else "")]


def _joined(flags: Sequence[Any], numbers: Sequence[Any]) -> Any:
    """The product of flags and numbers: a flag, where there are no numbers."""
    value: Any = None
    for flag in flags:
        value = flag if value is None else _flag(value) & _flag(flag)
    for number in numbers:
        value = number if value is None else _product(value, number)
    return value


def _product(a: Any, b: Any) -> Any:
    if not isinstance(a, SecretArray):
        return a * b
    # A model has the rows at other levels, too, and these flags are among its columns (`shared_model`).
    return (a.numeric() * b.numeric()).with_basis(union(a.basis, b.basis))


def _flag(x: Any) -> Any:
    return x.as_flag() if isinstance(x, SecretArray) else x


def _named(column: Any, name: str) -> Any:
    if isinstance(column, PrivateArray):
        return PrivateArray(column.source, column.expression, name, column.where)
    return column


def _groups(terms: Sequence[Sequence[Factor]]) -> list[tuple[Factor, ...]]:
    """The largest sets; flags alone, or two of them, are counted as columns already."""
    first: dict[str, Factor] = {}  # of a column that is there with several references
    for f in (f for term in terms for f in term):
        first.setdefault(f.of or f.text, f)
    apart = [[first[f.of or f.text] for f in term if f.levels or f.flag or f.bins is not None] for term in terms]
    sets = [tuple(dict.fromkeys(term)) for term in apart]
    every = dict.fromkeys(f for some in sets for f in some if f.bins is None)
    sets += combinations(every, 2)
    largest = [some for some in dict.fromkeys(sets) if not any(set(some) < set(other) for other in sets)]
    return [some for some in largest if len(some) > 2 or any(f.levels or f.parts for f in some)]


def _at_references(found: Model) -> list[SecretArray]:
    """Of each group, the flags of the combinations that no two columns have: with a factor at its reference; of more
    than two factors, of all."""
    flags: list[SecretArray] = []
    for group in found.groups:
        first = [(f.levels or ("False",))[0] for f in group]
        for levels in product(*[f.levels or ("False", "True") for f in group]):
            if len(group) > 2 or any(level == reference for level, reference in zip(levels, first, strict=True)):
                flags.append(_joined([f.at(level) for f, level in zip(group, levels, strict=True)], []))
    return flags


def _impossible(found: Model) -> frozenset[tuple[str, str, bool, bool]]:
    """The combinations that no row can have of two flags: two levels of one factor, or a level and no level that it is
    part of."""
    never: set[tuple[str, str, bool, bool]] = set()
    flags = [i for i, whole in enumerate(found.whole) if whole and found.levels[i]]
    for i, j in combinations(flags, 2):
        a, b = found.levels[i], found.levels[j]
        if any(text in b and b[text] != level for text, level in a.items()):
            never.add((found.names[i], found.names[j], True, True))
        if b.items() <= a.items():
            never.add((found.names[i], found.names[j], True, False))
        if a.items() <= b.items():
            never.add((found.names[i], found.names[j], False, True))
    return frozenset(never)
