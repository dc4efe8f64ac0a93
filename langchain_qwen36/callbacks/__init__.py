"""Track what every run costs: a callback handler, its ledger, budget and reports."""

from __future__ import annotations

from langchain_qwen36.callbacks.context import get_qwen_cost_callback
from langchain_qwen36.callbacks.handler import QwenCostCallbackHandler
from langchain_qwen36.callbacks.otel import export_span
from langchain_qwen36.callbacks.records import CallRecord, Parent, Summary, TokenCounts

__all__ = [
    "CallRecord",
    "Parent",
    "QwenCostCallbackHandler",
    "Summary",
    "TokenCounts",
    "export_span",
    "get_qwen_cost_callback",
]
