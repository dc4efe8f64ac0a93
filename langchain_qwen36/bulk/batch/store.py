"""Store batch jobs in the journal: each uploaded file, its state, and its rows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

from langchain_qwen36.bulk.journal import now
from langchain_qwen36.bulk.records import json_text
from langchain_qwen36.bulk.types import Turn

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from langchain_qwen36.bulk.journal import Journal
    from langchain_qwen36.bulk.types import Outcome

PartState = Literal["planned", "uploaded", "creating", "running", "over", "collected", "finished"]
"""State of a part: its requests are in a file here; the file is at the gateway; a batch may have
been created from it; it has been created; it has ended; its results are in the journal; its files
are deleted."""

_COLUMNS = (
    "number",
    "run",
    "state",
    "gateway",
    "base_url",
    "model",
    "thinking",
    "rows",
    "input_file",
    "batch_id",
    "output_file",
    "error_file",
    "detail",
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM bulk_batch"  # noqa: S608 - names of ours


@dataclass(slots=True, kw_only=True)
class Part:
    """The requests of one batch at the gateway: at most as many as it takes in one."""

    number: int = 0
    """Number in the journal; 0 before it is stored."""
    run: int
    state: PartState = "planned"
    gateway: str
    base_url: str
    model: str
    """The model in the gateway's spelling."""
    thinking: bool | None
    """The thinking mode of all its requests."""
    rows: int = 0
    input_file: str = ""
    """Ids at the gateway; empty before they are known, and after they are deleted."""
    batch_id: str = ""
    output_file: str = ""
    error_file: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    """Further values that are kept; the properties read them."""

    @property
    def file(self) -> str:
        """The name of the request file on this machine."""
        return str(self.detail["file"])

    @property
    def requested_model(self) -> str:
        """The model as the user wrote it, under which it is priced."""
        return str(self.detail.get("requested_model") or self.model)

    @property
    def status(self) -> str:
        """The last state from the gateway; empty before the first."""
        return str(self.detail.get("status") or "")

    @property
    def is_running(self) -> bool:
        """Whether the results are still to come."""
        return self.state not in ("collected", "finished")


class Spent(NamedTuple):
    """Cost and usage of a part's rows."""

    units: int
    """Cost in 10^-12 of the currency."""
    currency: str
    is_known: bool
    """Whether each answer has a known price."""
    input_tokens: int
    output_tokens: int


class BatchStore:
    """The parts of batch jobs in a journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.folder = Path(f"{journal.path}-batch")
        """Folder of the request files until their results are in the journal."""

    def path(self, part: Part) -> Path:
        """Return the path of a part's requests."""
        return self.folder / part.file

    def parts(self, *, only_unfinished: bool = False) -> list[Part]:
        """Return the parts, oldest first."""
        chosen = " WHERE state <> 'finished'" if only_unfinished else ""
        with self.journal.transaction() as database:
            found = database.execute(f"{_SELECT}{chosen} ORDER BY number").fetchall()
        return [_part(values) for values in found]

    def add(self, part: Part, keys: Sequence[str], fields: Mapping[str, Any] | None = None) -> Part:
        """Add a part and assign its rows to it; its file must be on the disk.

        Args:
            part: The part.
            keys: Keys of its rows.
            fields: The input of rows, by key, for those that will fail.
        """
        inputs = fields or {}
        with self.journal.transaction() as database:
            part.rows = len(keys)
            part.detail["cost_before"] = sum(
                database.execute(
                    "SELECT COALESCE(SUM(cost), 0) FROM bulk_row WHERE key = ?", (key,)
                ).fetchone()[0]
                for key in keys
            )
            cursor = database.execute(
                "INSERT INTO bulk_batch (run, state, gateway, base_url, model, thinking, rows,"
                " input_file, batch_id, output_file, error_file, detail, created, updated)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (part.run, *_values(part), now(), now()),
            )
            part.number = int(cursor.lastrowid or 0)
            database.executemany(
                "UPDATE bulk_row SET state = 'batch', batch = ?, attempts = attempts + 1,"
                " fields = ? WHERE key = ?",
                ((part.number, json_text(inputs.get(key)), key) for key in keys),
            )
        return part

    def save(self, part: Part) -> None:
        """Write the state of a part; it is durable when this returns."""
        with self.journal.transaction() as database:
            _save(database, part)

    def withdraw(self, part: Part) -> None:
        """Delete a part of which nothing was sent: its rows are pending again."""
        with self.journal.transaction() as database:
            database.execute(
                "UPDATE bulk_row SET state = 'pending', batch = NULL, attempts = attempts - 1"
                " WHERE batch = ? AND state = 'batch'",
                (part.number,),
            )
            database.execute("DELETE FROM bulk_batch WHERE number = ?", (part.number,))
        self.remove_files(part)

    def remove_files(self, part: Part) -> None:
        """Remove a part's requests and results from this machine."""
        self._remove(lambda name: name.startswith(part.file))

    def remove_strays(self) -> None:
        """Remove files that belong to no part: a crash left them before anything was sent."""
        known = tuple(part.file for part in self.parts())
        self._remove(lambda name: not (known and name.startswith(known)))

    def _remove(self, is_chosen: Callable[[str], bool]) -> None:
        if not self.folder.exists():
            return
        for path in self.folder.iterdir():
            if is_chosen(path.name):
                path.unlink(missing_ok=True)
        with suppress(OSError):  # another part is in it
            self.folder.rmdir()

    def open_rows(self, part: Part) -> dict[str, Mapping[str, Any] | None]:
        """Return the rows of a part whose results are to come: their input by their key."""
        with self.journal.transaction() as database:
            found = database.execute(
                "SELECT key, fields FROM bulk_row WHERE batch = ? AND state = 'batch'",
                (part.number,),
            ).fetchall()
        return {key: None if fields is None else orjson.loads(fields) for key, fields in found}

    def spent(self, part: Part) -> Spent:
        """Return the cost and usage of a part's rows, without their earlier attempts."""
        with self.journal.transaction() as database:
            found = database.execute(
                "SELECT COUNT(*), COUNT(cost), COALESCE(SUM(cost), 0), MAX(currency),"
                " COALESCE(SUM(usage ->> 'input_tokens'), 0),"
                " COALESCE(SUM(usage ->> 'output_tokens'), 0)"
                " FROM bulk_row WHERE batch = ? AND usage IS NOT NULL",
                (part.number,),
            ).fetchone()
        answered, priced, units, currency, read, written = found
        return Spent(
            units=units - int(part.detail.get("cost_before") or 0),
            currency=currency or "",
            is_known=answered == priced,
            input_tokens=read,
            output_tokens=written,
        )

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Write the outcomes of rows; all of them, or none."""
        self.journal.apply([Turn(ended=outcome) for outcome in outcomes])


def _save(database: sqlite3.Connection, part: Part) -> None:
    database.execute(
        "UPDATE bulk_batch SET state = ?, gateway = ?, base_url = ?, model = ?, thinking = ?,"
        " rows = ?, input_file = ?, batch_id = ?, output_file = ?, error_file = ?, detail = ?,"
        " updated = ? WHERE number = ?",
        (*_values(part), now(), part.number),
    )


def _values(part: Part) -> tuple[Any, ...]:
    return (
        part.state,
        part.gateway,
        part.base_url,
        part.model,
        part.thinking,
        part.rows,
        part.input_file,
        part.batch_id,
        part.output_file,
        part.error_file,
        json_text(part.detail),
    )


def _part(values: tuple[Any, ...]) -> Part:
    named = dict(zip(_COLUMNS, values, strict=True))
    thinking = named["thinking"]
    return Part(
        **{
            **named,
            "thinking": None if thinking is None else bool(thinking),
            "detail": orjson.loads(named["detail"]),
        }
    )
