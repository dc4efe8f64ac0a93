"""Bulk runs: a million prompts from a file, a journal that loses none, a report of the cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_qwen36._lazy_names import lazy_names

if TYPE_CHECKING:
    from langchain_qwen36.bulk.batch.job import BatchJob
    from langchain_qwen36.bulk.batch.outcomes import BatchResult
    from langchain_qwen36.bulk.batch.polling import Polling
    from langchain_qwen36.bulk.batch.status import BatchStatus
    from langchain_qwen36.bulk.calls import abatch
    from langchain_qwen36.bulk.job import arun, run
    from langchain_qwen36.bulk.journal import Journal
    from langchain_qwen36.bulk.types import BulkReport, Row

__all__ = [
    "BatchJob",
    "BatchResult",
    "BatchStatus",
    "BulkReport",
    "Journal",
    "Polling",
    "Row",
    "abatch",
    "arun",
    "run",
]

_MODULES = {
    "BatchJob": "batch.job",
    "BatchResult": "batch.outcomes",
    "BatchStatus": "batch.status",
    "BulkReport": "types",
    "Journal": "journal",
    "Polling": "batch.polling",
    "Row": "types",
    "abatch": "calls",
    "arun": "job",
    "run": "job",
}

__getattr__ = lazy_names(__name__, _MODULES)
