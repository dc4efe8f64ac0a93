"""What every run cost: a callback handler, its ledger, budget and reports."""

from __future__ import annotations

from langchain_qwen36.callbacks.context import get_qwen_cost_callback
from langchain_qwen36.callbacks.handler import QwenCostCallbackHandler
from langchain_qwen36.callbacks.records import CallRecord, Parent, Summary, TokenCounts
from langchain_qwen36.callbacks.reports.otel import export_span

__all__ = [
    "CallRecord",
    "Parent",
    "QwenCostCallbackHandler",
    "Summary",
    "TokenCounts",
    "export_span",
    "get_qwen_cost_callback",
]
