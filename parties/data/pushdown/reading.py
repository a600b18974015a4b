"""The columns of a source in SQL, read by the very rule by which this party reads entries (`mpc.tables.readers`).

A column is read natively where its database type leaves no doubt: numbers as numbers, booleans as flags, and the text
of flags and categories by the entries that the rule knows: levels, codes, words. `unread` counts what is left: entries
whose meaning only our reader tells (a number with blanks, a level in another spelling). If there is one, this party
reads the table itself. NotInSQL names what can never be read natively.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpc.tables.date_entries import coded_days
from mpc.tables.dates import DateColumn
from mpc.tables.readers import FALSE, PLAIN, TRUE, Entry, Meaning, Spelling, as_number, reader
from mpc.tables.schema import CategoryColumn, Column, FlagColumn, IntegerColumn, RealColumn
from parties.data.pushdown.expressions import Column as Sql
from parties.data.pushdown.expressions import NotInSQL, real

#: So many entries of a category are told apart in SQL.
MOST_ENTRIES = 256
#: An ISO date; the year 0 is none.
_ISO_DAY = "^([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{2}-[0-9]{2}$"
#: Digits of a decimal that float64 holds, so that every conversion gives the same number.
_DIGITS = 15


@dataclass(frozen=True)
class Read:
    """A column in SQL, in the form of `parties.data.pushdown.expressions`.

    value    NULL where there is no value
    invalid  where the entry is no value of the column; None: nowhere
    unread   where only our reader can tell; None: nowhere
    """

    value: Sql
    invalid: Sql | None = None
    unread: Sql | None = None


def read_column(column: Column, source: Sql, spelling: Spelling, dialect: str) -> Read:
    """The values of `column` in a column of a database. Raises NotInSQL."""
    kind = source.type()
    if isinstance(column, FlagColumn | CategoryColumn):
        return _named(column, source, spelling, dialect)
    if isinstance(column, DateColumn):
        return _date(column, source, spelling, dialect)
    if not isinstance(column, RealColumn | IntegerColumn):
        raise NotInSQL(f"column {column.name}: this party reads columns of its type")
    if kind.is_string():
        return _in_text(column, source, spelling, dialect)
    if isinstance(column, IntegerColumn):
        return _whole(column, source)
    if kind.is_decimal() and dialect != "postgres" and (kind.precision or 99) > _DIGITS:
        raise NotInSQL(f"column {column.name}: decimals of more than {_DIGITS} digits")
    if not (kind.is_floating() or kind.is_integer() or kind.is_decimal()):
        raise NotInSQL(f"column {column.name}: its type in the database is {kind}")
    x = source.cast("float64")
    gone = [x == real(float(code)) for code in _codes(column)]
    if not kind.is_integer():
        gone.append(x.isnan())
    return Read(_without(x, gone, "float64"))


def outside(column: Column, value: Sql) -> Sql | None:
    """Where a value lies beyond the declared range; None: nowhere."""
    import ibis

    if isinstance(column, IntegerColumn | DateColumn):
        low, high = (ibis.literal(int(limit), "int64") for limit in (column.low, column.high))
    elif isinstance(column, RealColumn):
        low, high = real(column.low), real(column.high)
    else:
        return None
    return (value < low) | (value > high)


def either(conditions: Sequence[Sql | None]) -> Sql:
    """Where one of the conditions holds: never NULL."""
    import ibis

    found: Sql = None
    for condition in conditions:
        if condition is not None:
            found = condition if found is None else found | condition
    return ibis.literal(False) if found is None else ibis.coalesce(found, ibis.literal(False))


def _codes(column: Column) -> list[float | int]:
    return [number for number in map(as_number, column.missing) if number is not None]


def _whole_codes(column: Column) -> list[int]:
    return [int(code) for code in _codes(column) if isinstance(code, int) or code.is_integer()]


def _without(x: Sql, gone: Sequence[Sql], kind: str) -> Sql:
    import ibis

    return ibis.cases((either(gone), ibis.null(kind)), else_=x) if gone else x


def _whole(column: Column, source: Sql) -> Read:
    import ibis

    kind = source.type()
    codes = _whole_codes(column)
    if kind.is_floating():
        digits = 24 if kind.is_float32() else 53
        x = source.cast("float64")
        exact = (x == x.floor()) & (x.abs() <= real(2.0**digits))
        value = ibis.cases((x.isnan(), ibis.null("int64")), (exact, x.cast("int64")))
        return Read(_without(value, _equal(value, codes), "int64"), ~(exact | x.isnan()))
    small = kind.is_integer() and not kind.is_uint64()
    if not small and not (kind.is_decimal() and kind.scale == 0 and (kind.precision or 99) <= 18):
        raise NotInSQL(f"column {column.name}: whole numbers of the type {kind}")
    value = source.cast("int64")
    return Read(_without(value, _equal(value, codes), "int64"))


def _equal(value: Sql, codes: Sequence[int]) -> list[Sql]:
    import ibis

    return [value == ibis.literal(code, "int64") for code in codes if abs(code) < 1 << 63]


def _in_text(column: Column, source: Sql, spelling: Spelling, dialect: str) -> Read:
    """Numbers in text: those that are written plainly, without blanks within."""
    import ibis

    if dialect != "duckdb":
        raise NotInSQL(f"column {column.name}: numbers in text")
    if spelling.decimal != "." or spelling.thousands:
        raise NotInSQL(f"column {column.name}: numbers with a decimal {spelling.decimal!r} or with thousands")
    whole = isinstance(column, IntegerColumn)
    kind = "int64" if whole else "float64"
    text = source
    pattern = "-?[0-9]{1,19}" if whole else PLAIN.pattern()
    codes = ["", "nan", "NaN", *column.missing]
    number = ibis.cases((text.re_search(f"^(?:{pattern})$"), text.try_cast(kind)))
    unread = source.notnull() & number.isnull() & ~text.isin(codes)
    equal = _equal(number, _whole_codes(column)) if whole else [number == real(float(c)) for c in _codes(column)]
    return Read(_without(number, equal, kind), None, unread)


def _date(column: DateColumn, source: Sql, spelling: Spelling, dialect: str) -> Read:
    """Days since 1970-01-01 of dates, of times without a zone, which must be midnight, and of plain ISO texts."""
    import ibis

    kind = source.type()
    invalid = None
    if kind.is_timestamp() and kind.timezone is None:
        invalid, day = source != source.truncate("D"), source.date()
    elif kind.is_date():
        day = source
    elif kind.is_string() and dialect == "duckdb" and not spelling.date_format:
        text = source.strip()
        day = ibis.cases((text.re_search(_ISO_DAY), text.try_cast("date")))
    else:
        raise NotInSQL(f"column {column.name}: its type in the database is {kind}")
    days = day.delta(ibis.date(1970, 1, 1), unit="day").cast("int64")
    unread = source.notnull() & days.isnull()  # an infinite date; a text in another form
    if kind.is_string():
        unread = unread & ~text.isin(["", "nan", "NaN", "NaT", *column.missing])
    value = _without(days, _equal(days, coded_days(column)), "int64")
    return Read(value if invalid is None else ibis.cases((~invalid, value)), invalid, unread)


def _named(column: FlagColumn | CategoryColumn, source: Sql, spelling: Spelling, dialect: str) -> Read:
    """A flag or a category, by the entries that our reader knows."""
    import ibis

    kind = source.type()
    entries = [*column.missing, *spelling.recode, *(column.levels if isinstance(column, CategoryColumn) else ())]
    if isinstance(column, FlagColumn):
        words = [*TRUE, *FALSE, *spelling.true, *spelling.false]
        entries += [shape for word in words for shape in (word.lower(), word.capitalize(), word.upper())]
    texts = list(dict.fromkeys(text.strip() for text in ["", *entries]))
    if len(texts) > MOST_ENTRIES:
        raise NotInSQL(f"column {column.name}: more than {MOST_ENTRIES} levels and codes")
    read, x = reader(column, spelling), source
    known: list[tuple[Sql, Entry]]
    if kind.is_boolean():
        known = [(ibis.literal(value), read(value)) for value in (True, False)]
    elif kind.is_integer() or kind.is_floating():
        numbers = {0, 1} | {number for number in map(as_number, texts) if number is not None}
        if not all(isinstance(number, int) and abs(number) < 1 << 53 for number in numbers):
            raise NotInSQL(f"column {column.name}: levels with fractions")
        whole = sorted(int(number) for number in numbers)
        known = [(ibis.literal(n, "int64"), read(float(n) if kind.is_floating() else n)) for n in whole]
    elif kind.is_string() or kind.is_unknown():
        known = [(ibis.literal(text), read(text)) for text in texts]
        x = source if kind.is_string() and dialect != "postgres" else _text(source)
    else:
        raise NotInSQL(f"column {column.name}: its type in the database is {kind}")
    value = _by_entry(column, x, known)
    no_value = [entry for entry, meaning in known if meaning is Meaning.MISSING]
    other = source.notnull() & value.isnull()
    if kind.is_floating():
        other = other & ~source.isnan()
    other = other & ~x.isin(no_value) if no_value else other
    if kind.is_string() or kind.is_unknown():
        return Read(value, None, other)
    sure = kind.is_boolean() and all(meaning is not Meaning.INVALID for _, meaning in known)
    return Read(value, None if sure else other)


def _text(source: Sql) -> Sql:
    """The text of a column. PostgreSQL compares an enum with its own words only, and Ibis takes it for text."""
    from ibis.expr.datatypes import string
    from ibis.expr.operations import Cast

    return Cast(source, string).to_expr()


def _by_entry(column: Column, x: Sql, known: Sequence[tuple[Sql, Entry]]) -> Sql:
    """CASE: entry -> value."""
    import ibis

    by_value: dict[float, list[Sql]] = {}
    for entry, meaning in known:
        if not isinstance(meaning, Meaning):
            by_value.setdefault(float(meaning), []).append(entry)
    flag = isinstance(column, FlagColumn)
    arms = []
    for value, same in sorted(by_value.items()):
        holds = x == same[0] if len(same) == 1 else x.isin(same)
        arms.append((holds, ibis.literal(value == 1.0) if flag else ibis.literal(int(value), "int64")))
    if not arms:
        return ibis.null("boolean" if flag else "int64")
    return ibis.cases(*arms)


__all__ = ["MOST_ENTRIES", "Read", "either", "outside", "read_column"]
