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
    """A `.jsonl` or `.parquet` file: a row each, in input order."""
    prompt: Prompt
    """An f-string template over the row's fields (`"Translate: {text}"`), a `Path` of one or of
    messages in YAML or JSON, messages, or LangChain's template. Without one, a row has `messages`,
    and a chain gets the row itself."""
    id: str
    """The field that holds a row's id, `id` where left out; rows without it have their line's
    number."""
    schema: Any
    """What answers are parsed into, as in `with_structured_output`."""
    budget: str | Money | None
    """Such as `"5 USD"`, for all runs on this journal together."""
    reserve: str | Money
    """What is held for a call in flight: `likely`, `worst` (then the budget is never passed), or an
    amount."""
    max_concurrency: int | Literal["auto"]
    """Calls at once; `auto` finds out."""
    state: str | Path | None
    """The journal; `OUTPUT.journal` where left out."""
    shard: str | None
    """`2/4`: only the rows of the second of four machines."""
    ledger: SpendLedger | None
    """Your own, whose limits hold too; machines may share it."""
    max_attempts: int
    """Calls of a row that may fail before it is a dead letter; 429s are not counted. 5 where left
    out."""
    skip_bad_rows: bool
    """Make rows that cannot be sent dead letters, instead of refusing the input."""
    retry_failed: bool
    """Call the dead letters of earlier runs again."""
    batch: bool
    """Put the rows into batch jobs, which the gateway runs within a day, mostly at half the price,
    and wait for them."""
    batch_window: str
    """How long a batch may take, `24h` (where left out) to `14d`."""
    progress: bool | None
    """Whether to show a progress line; None: at a terminal."""
    note: Mapping[str, Any] | None
    """Kept in the journal with the run; no secrets."""
