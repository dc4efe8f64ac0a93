"""Read the rows of a bulk run: JSONL, CSV, Parquet, or any iterable; one row at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson

from langchain_qwen36._content.source import replace_lone_surrogates
from langchain_qwen36.errors import BulkInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Input = str | Path | Iterable[Any]
"""The input of a run: the name of a `.jsonl`, `.csv`, `.tsv` or `.parquet` file, or an iterable of
mappings (a Hugging Face dataset is one) or texts."""

_BLOCK = 512
"""Rows of a Parquet file that are decoded at once."""
_LONGEST_CELL = 1 << 27
"""Most characters of a cell of a CSV file."""


@dataclass(slots=True)
class InputRow:
    """A row as it was read."""

    position: int
    """Position of the row from 0; unreadable rows count, blank lines do not."""
    line: int
    """Line of the file, or number of the item, from 1."""
    id: str
    """The row's own id, else its line number."""
    fields: Mapping[str, Any]
    """The row's values by field; empty if the row cannot be read."""
    problem: str | None = None
    """Why the row cannot be sent; None: it can."""

    @property
    def where(self) -> str:
        """The row's name in messages."""
        return f"line {self.line}" if self.id == str(self.line) else f"line {self.line} ({self.id})"


class Source:
    """The rows of an input, read again by each iteration; an iterator only once."""

    def __init__(self, source: Input, id_field: str = "id") -> None:
        """Choose the reader of an input.

        Args:
            source: A file's name, or an iterable.
            id_field: The field that holds a row's id.

        Raises:
            BulkInputError: There is no such file, no reader for its format, what is iterated
                are no rows, or the id's field has no name.
        """
        if not isinstance(id_field, str):
            raise BulkInputError(f"id={id_field!r} must be the name of the field of a row's id.")
        self._source = source
        self._id_field = id_field
        self.path = Path(source) if isinstance(source, str | Path) else None
        self._read: Callable[[], Iterator[tuple[int, Any]]] = self._numbered
        if self.path is not None:
            self._read = self._reader(self.path)
        else:
            _check_rows(source)

    @property
    def can_be_checked(self) -> bool:
        """Whether the rows can be read twice: once to check them before any is sent."""
        return not hasattr(self._source, "__next__")

    @property
    def identity(self) -> str:
        """A text that distinguishes this input from others in the journal."""
        if self.path is None:
            return "iterable"
        known = self.path.stat()
        return f"{self.path.resolve()} {known.st_size} {known.st_mtime_ns}"

    def __iter__(self) -> Iterator[InputRow]:
        for position, (line, value) in enumerate(self._read()):
            yield self._row(position, line, value)

    def _row(self, position: int, line: int, value: Any) -> InputRow:
        if isinstance(value, _Unreadable):
            return InputRow(position, line, str(line), {}, value.problem)
        if isinstance(value, str):
            return InputRow(position, line, str(line), {"text": value})
        if not isinstance(value, Mapping):
            kind = type(value).__name__
            return InputRow(
                position, line, str(line), {}, f"a row must be an object of fields, not {kind}"
            )
        own = value.get(self._id_field)
        if own is None or own == "":
            return InputRow(position, line, str(line), value)
        if problem := _problem_of_id(own):
            problem = f"its {self._id_field!r} {problem}"
            return InputRow(position, line, str(line), value, problem)
        return InputRow(position, line, str(own), value)

    def _numbered(self) -> Iterator[tuple[int, Any]]:
        return enumerate(cast("Iterable[Any]", self._source), 1)

    def _reader(self, path: Path) -> Callable[[], Iterator[tuple[int, Any]]]:
        if not path.is_file():
            raise BulkInputError(f"There is no file {path}.")
        match path.suffix.lower():
            case ".jsonl" | ".ndjson":
                return lambda: _read_jsonl(path)
            case ".csv":
                return lambda: _read_csv(path, ",")
            case ".tsv":
                return lambda: _read_csv(path, "\t")
            case ".parquet":
                return lambda: _read_parquet(path)
        raise BulkInputError(
            f"{path} cannot be read: the name must end in .jsonl, .csv, .tsv or .parquet."
        )


def _problem_of_id(value: object) -> str | None:
    """Return why a row cannot be named so; None: it can."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return f"must be a text or a whole number, not {value!r:.50}"
    if isinstance(value, str) and replace_lone_surrogates(value) != value:
        return f"is no Unicode text: {value!r:.50}"
    return None


def _check_rows(source: object) -> None:
    """Refuse an object whose items are no rows: each would be a text, such as a column's name.

    Raises:
        BulkInputError: The object is a table, a mapping or bytes, or no iterable at all.
    """
    kind = type(source).__name__
    for method, call in (("to_dicts", "to_dicts()"), ("iterrows", 'to_dict("records")')):
        if hasattr(source, method):  # polars', pandas's
            raise BulkInputError(f"`input` is a {kind}, which gives no rows: pass its `{call}`.")
    if isinstance(source, Mapping):
        some = ", ".join(map(repr, list(source)[:3]))
        raise BulkInputError(
            f"`input` is one {kind} ({some}), not an iterable of rows: pass `[row]`, or the split "
            'of a dataset, such as `dataset["train"]`.'
        )
    if isinstance(source, bytes | bytearray) or not isinstance(source, Iterable):
        raise BulkInputError(f"`input` must be a file's name or an iterable of rows, not {kind}")


@dataclass(slots=True)
class _Unreadable:
    """A row of a file that cannot be read."""

    problem: str


def _read_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if not text.strip():
                continue
            try:
                yield number, orjson.loads(text)
            except ValueError as error:
                yield number, _Unreadable(f"it is no JSON: {error}")


def _read_csv(path: Path, delimiter: str) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        names = next(filter(None, reader), [])  # past blank lines
        if twice := {name for name in names if names.count(name) > 1}:
            raise BulkInputError(f"{path}: several columns are named {', '.join(sorted(twice))}.")
        while True:
            first = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield first, _Unreadable(f"it is no CSV: {error}")
                continue
            if cells is None:
                return
            if cells:
                yield first, _csv_row(names, cells)


def _csv_row(names: list[str], cells: list[str]) -> Any:
    if len(cells) != len(names):
        return _Unreadable(f"it has {len(cells)} cells, and the head has {len(names)}")
    if any("\udc80" <= char <= "\udcff" for cell in cells for char in cell if char > "\ud7ff"):
        return _Unreadable("it is not UTF-8")
    return dict(zip(names, cells, strict=True))


def _read_parquet(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - the extra `bulk`
    except ImportError as error:
        raise BulkInputError(
            'Parquet files need pyarrow: pip install "langchain-qwen36[bulk]"'
        ) from error
    number = 0
    with ParquetFile(path) as file:
        for block in file.iter_batches(batch_size=_BLOCK):
            for number, fields in enumerate(block.to_pylist(), number + 1):  # noqa: B020
                yield number, fields
