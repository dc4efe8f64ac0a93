"""Submits a batch job of three rows and waits for it; `test_batch_kills` kills it on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._transport import no_waiting
from langchain_qwen36.bulk import BatchJob

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def main(pipe: Connection, base_url: str, key: str, journal: str) -> None:
    """Submit, or go on; send the answers."""
    model = ChatQwen36(
        model="qwen3.6-flash",
        gateway="dashscope",
        enable_thinking=False,
        base_url=base_url,
        api_key=key,
    )
    with no_waiting(), BatchJob.submit(model, ["a", "b", "c"], state=journal) as job:
        rows = [
            [
                row.id,
                row.message and row.message.text,
                row.message.response_metadata["cost"]["total"],
            ]
            for row in job.results()
            if row.message
        ]
    pipe.send(rows)
