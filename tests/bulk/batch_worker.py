"""Submits a batch job of three rows and waits for it; `test_batch_kills` kills it on the way.

Started as `batch_worker.py BASE_URL KEY JOURNAL`; prints the answers as JSON.
"""

from __future__ import annotations

import json
import sys

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._transport import no_waiting
from langchain_qwen36.bulk import BatchJob


def main(base_url: str, key: str, journal: str) -> None:
    """Submit, or go on, and print."""
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
    print(json.dumps(rows))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main(*sys.argv[1:])
