"""Call OpenRouter's batch API: requests in the creating call, results in pages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson

from langchain_qwen36.bulk.batch.actions import Send, repeat
from langchain_qwen36.bulk.batch.lines import inline_submission
from langchain_qwen36.bulk.batch.states import RemoteBatch, parse_batch, parse_listing
from langchain_qwen36.errors import (
    NotFoundError,
    ServerError,
    UnexpectedResponseError,
    UnsupportedSettingError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_qwen36.bulk.batch.actions import Steps
    from langchain_qwen36.bulk.batch.store import Part

_MAX_PAGES = 50
_CLOCK_SKEW = 300.0
"""Seconds by which this machine's clock and the gateway's may differ."""


class InlineWire:
    """The calls of one gateway; `window` is how long a batch may take."""

    def __init__(self, window: str = "24h") -> None:
        self._window = window

    def upload(self, part: Part, path: Path) -> Steps[str]:
        """Upload nothing; record the time before which the batch was not created."""
        _ = path
        part.detail["since"] = time.time()
        return ""
        yield  # makes it a generator, like the other methods

    def create(self, part: Part, path: Path) -> Steps[RemoteBatch | None]:
        """Create the batch by one request, which is never repeated here."""
        lines = path.read_bytes().split(b"\n")[:-1]
        first: dict[str, Any] = {"model": part.model, "provider": part.detail.get("provider")}
        reply = yield Send(
            method="POST",
            path="/batches",
            body=inline_submission(first, lines, window=self._window),
            makes_something=True,
        )
        return parse_batch(reply.payload)

    def find(self, part: Part, known: frozenset[str]) -> Steps[list[RemoteBatch]]:
        """Find a batch of this model and size, created since the part was begun.

        Raises:
            UnexpectedResponseError: There are several, and nothing tells which is ours.
        """
        since = float(part.detail.get("since") or 0.0) - _CLOCK_SKEW
        found: list[RemoteBatch] = []
        query = {"limit": "100"}
        for _ in range(_MAX_PAGES):
            reply = yield from repeat(Send(method="GET", path="/batches", query=query))
            batches, after = parse_listing(reply.payload)
            found += [batch for batch in batches if _may_be(batch, part, since)]
            if after is None:
                break
            query = {**query, "after": after}
        found = [batch for batch in found if batch.id not in known]
        if len(found) > 1:
            names = ", ".join(batch.id for batch in found)
            raise UnexpectedResponseError(
                f"The batch may have been made, and each of these may be it: {names}. Compare "
                "their requests, delete the others, and attach again.",
                is_retryable=False,
            )
        return found

    def look(self, part: Part) -> Steps[RemoteBatch]:
        """Read the state of the batch."""
        reply = yield Send(method="GET", path=f"/batches/{part.batch_id}")
        remote = parse_batch(reply.payload)
        if remote is None or remote.id != part.batch_id:
            raise ServerError(f"The answer does not describe the batch {part.batch_id}.")
        return remote

    def fetch(self, part: Part, folder: Path) -> Steps[list[Path]]:
        """Fetch the results page by page into one file."""
        path = folder / f"{part.file}.0"
        query: dict[str, str] = {}
        with path.open("wb") as file:
            for _ in range(part.rows + 1):
                reply = yield from repeat(
                    Send(method="GET", path=f"/batches/{part.batch_id}/results", query=query)
                )
                page = reply.payload if isinstance(reply.payload, dict) else {}
                for row in page.get("data") or page.get("results") or ():
                    file.write(orjson.dumps(row) + b"\n")
                cursor = page.get("next_cursor")
                if not cursor:
                    break
                query = {"cursor": str(cursor)}
        return [path]

    def cancel(self, part: Part) -> Steps[None]:
        """Refuse: the gateway cannot cancel, and deletes a batch only when it has ended.

        Raises:
            UnsupportedSettingError: Always.
        """
        raise UnsupportedSettingError(
            f"`gateway={part.gateway!r}` cannot cancel a batch; {part.batch_id} runs to its end."
        )
        yield  # makes it a generator, like the other methods

    def delete(self, part: Part) -> Steps[None]:
        """Delete the batch with its requests and results."""
        if not part.batch_id:
            return
        try:
            yield from repeat(Send(method="DELETE", path=f"/batches/{part.batch_id}"))
        except NotFoundError:
            return


def _may_be(batch: RemoteBatch, part: Part, since: float) -> bool:
    return (
        batch.model in ("", part.model) and batch.created >= since and batch.total in (0, part.rows)
    )
