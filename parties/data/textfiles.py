"""CSV files as R, pandas, Excel and databases write them.

The separator is the character that gives most of the expected columns. Columns without a name (row names, a separator
at the end of every line) are skipped, and so are a byte order mark and Excel's line `sep=;`. DuckDB reads files in
UTF-8; Python reads other encodings, several times slower.
"""

from __future__ import annotations

import codecs
import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from mpc.errors import DataError
from parties.data.source import Reading, Relation, literal, unequal

#: So many lines are read to find the layout.
_SAMPLE_LINES = 100
_MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


@dataclass(frozen=True)
class Layout:
    """The layout of a file: the names of its columns ("" for none), the separator, and the lines before the names."""

    names: tuple[str, ...]
    delimiter: str
    skipped: int


def open_text(dataset: str, path: Path, needed: tuple[str, ...], encoding: str, database: Any) -> Reading:
    """An open CSV file. DataError if its first lines cannot be understood."""
    layout = _layout(dataset, path, needed, encoding)
    places = {name: f"c{index}" for index, name in enumerate(layout.names) if name}
    for name in needed:
        if layout.names.count(name) > 1:
            raise DataError(f"{dataset}: {path.name} has several columns named {name}")
    if not _is_utf8(encoding):
        return _Decoded(path, encoding, layout, dataset)
    # Every cell is read as text, so that missing codes and invalid entries can be distinguished and counted. The
    # format is given and not guessed, so that no line is skipped.
    columns = ", ".join(f"c{index}: 'VARCHAR'" for index in range(len(layout.names)))
    relation = (
        f"read_csv({literal(str(path))}, auto_detect=false, header=true, skip={layout.skipped}, "
        f"delim={literal(layout.delimiter)}, quote='\"', escape='\"', columns={{{columns}}})"
    )
    return Relation(database, relation, path.name, places)


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")


def _text(path: Path, encoding: str) -> IO[str]:
    """The file as text, without a byte order mark."""
    name = "utf-8-sig" if _is_utf8(encoding) else encoding
    file: IO[str] = (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding=name, newline="")
    return file


def _layout(dataset: str, path: Path, needed: tuple[str, ...], encoding: str) -> Layout:
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        mark = _MARKS.get(file.read(2))
    if mark and _is_utf8(encoding):
        raise DataError(
            f"{dataset}: {path.name} is {mark} text\nSave it as UTF-8, or declare its encoding in the dataset's "
            'schema:  encoding = "utf-16"'
        )
    best: tuple[int, Layout | None] = (-1, None)
    for delimiter in ",;\t|":
        try:
            with _text(path, encoding) as file:
                lines = _first(_rows(file, delimiter))
        except UnicodeError:
            raise DataError(
                f"{dataset}: {path.name} is not {encoding.upper()} text\nSave it as UTF-8, or declare its encoding in "
                'the dataset\'s schema, like  encoding = "cp1252"'
            ) from None
        skipped = 1 if lines and len(lines[0]) < 3 and lines[0][0].lower().startswith("sep=") else 0
        names = [name.strip() for name in lines[skipped]] if len(lines) > skipped else []
        score = len(set(needed) & set(names)) * 1000 + len(names)
        if score > best[0]:
            quoted = _begins_with_a_quote(path, encoding, skipped + 1)
            names = _with_row_names(dataset, path, names, lines[skipped + 1 :], quoted=quoted)
            best = (score, Layout(tuple(names), delimiter, skipped))
    if best[1] is None or not any(best[1].names):
        raise DataError(f"{dataset}: {path.name} is empty; expected a first line with the names of the columns")
    return best[1]


def _begins_with_a_quote(path: Path, encoding: str, line: int) -> bool:
    with _text(path, encoding) as file:
        return any(text.lstrip().startswith('"') for text in islice(file, line, line + 1))


def _first(rows: Iterator[list[str]]) -> list[list[str]]:
    """The first lines, up to a broken line, if any; the reader of the whole file reports that line."""
    lines: list[list[str]] = []
    with suppress(csv.Error):
        lines += islice(rows, _SAMPLE_LINES)
    return lines


def _rows(file: IO[str], delimiter: str) -> Iterator[list[str]]:
    """The lines of a file; the first without the byte order mark that some encodings leave in place."""
    first = True
    for row in csv.reader(file, delimiter=delimiter, strict=True):
        if first:
            row = [row[0].removeprefix("\ufeff"), *row[1:]] if row else []
        first = False
        yield row or [""]


def _with_row_names(
    dataset: str, path: Path, names: list[str], lines: Sequence[list[str]], *, quoted: bool
) -> list[str]:
    """The names, with one for the row names if R's write.table left it out; `quoted`: row names stand in quotes."""
    longer = [line for line in lines if len(line) == len(names) + 1]
    if not longer or len(longer) < sum(1 for line in lines if line != [""]):
        return names
    first = [line[0].strip() for line in longer]
    # Row names are quoted row numbers, or a different text for each row; else a decimal comma may have split a number.
    numbered = quoted and first == [str(k) for k in range(1, len(first) + 1)]
    named = len(set(first)) == len(first) and not any(name.lstrip("+-").isdigit() or not name for name in first)
    if not any(line[-1].strip() for line in longer) or not (numbered or named):
        raise DataError(
            f"{dataset}: {path.name}: every line has one cell more than the first, which names the columns\nName each "
            "column: Comity cannot know whether the first cell is the name of a row, the last cell is empty, or a "
            "decimal comma stands within a number (then quote the numbers, or separate cells by semicolons)."
        )
    return ["", *names]


class _Decoded:
    """A file in another encoding than UTF-8, read line by line."""

    def __init__(self, path: Path, encoding: str, layout: Layout, dataset: str) -> None:
        import pyarrow as pa

        self.name = path.name
        self.types: Mapping[str, Any] = {name: pa.string() for name in layout.names if name}
        self._path, self._encoding, self._layout, self._dataset = path, encoding, layout, dataset

    def batches(self, names: Sequence[str], rows: int) -> Iterator[Any]:
        import pyarrow as pa

        places = [self._layout.names.index(name) for name in names]
        with _text(self._path, self._encoding) as file:
            lines = islice(self._cells(file), self._layout.skipped + 1, None)
            while batch := list(islice(lines, rows)):
                cells = [pa.array([row[place] for row in batch], pa.string()) for place in places]
                if not cells:
                    cells = [pa.nulls(len(batch))]
                yield pa.record_batch(cells, [str(k) for k in range(len(cells))])

    def _cells(self, file: IO[str]) -> Iterator[list[str]]:
        """Lines as DuckDB reads them: without blank lines, and without empty cells at the end of a line."""
        columns, above = len(self._layout.names), self._layout.skipped
        for number, row in enumerate(_rows(file, self._layout.delimiter)):
            if number <= above:
                yield row
            elif columns == 1 or row != [""]:
                if len(row) < columns or any(row[columns:]):
                    raise DataError(unequal(self._dataset, self.name, number + 1, len(row), columns))
                yield row
