"""The settings of a bulk run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict

from langchain_qwen36.bulk.prompt import Prompt
from langchain_qwen36.pricing import Money
from langchain_qwen36.spend import SpendLedger

# ruff: noqa: TC001, TC003 - users resolve these annotations


class RunSettings(TypedDict, total=False):
    """Keywords of `bulk.run` and `bulk.arun`; each may be left out."""

    output: str | Path | None
    """A `.jsonl` or `.parquet` file: one row each, in input order."""
    prompt: Prompt
    """An f-string template over the row's fields (`"Translate: {text}"`), a `Path` of one or of
    messages in YAML or JSON, messages, or LangChain's template. Without one, a row has `messages`,
    and a chain gets the row itself."""
    id: str
    """The field that holds a row's id, `id` when left out; rows without it get their line's
    number."""
    schema: Any
    """The schema into which answers are parsed, as in `with_structured_output`."""
    budget: str | Money | None
    """An amount such as `"5 USD"`, for all runs on this journal together."""
    reserve: str | Money
    """What to hold for a call in flight: `likely`, `worst` (then the budget is never passed), or an
    amount."""
    max_concurrency: int | Literal["auto"]
    """Calls at once; `auto` adjusts them."""
    state: str | Path | None
    """The journal's path; `OUTPUT.journal` when left out."""
    shard: str | None
    """A share of the rows: `2/4` is the second of four machines."""
    ledger: SpendLedger | None
    """Your own ledger, whose limits apply too; machines may share it."""
    max_attempts: int
    """Calls of a row that may fail before it is a dead letter; 429s are not counted. 5 when left
    out."""
    skip_bad_rows: bool
    """Whether rows that cannot be sent become dead letters, instead of refusing the input."""
    retry_failed: bool
    """Whether to call the dead letters of earlier runs again."""
    batch: bool
    """Whether to put the rows into batch jobs, which the gateway runs within a day, mostly at half
    the price, and wait for them."""
    batch_window: str
    """How long a batch may take, `24h` (when left out) to `14d`."""
    progress: bool | None
    """Whether to show a progress line; None: at a terminal."""
    note: Mapping[str, Any] | None
    """Values to keep in the journal with the run; no secrets."""
