"""Middleware for `create_agent`: budgets, price tiers, routing, prompt caching, call repair.

Needs the extra `agents`. Each is sync and async, and has its page in `docs/middleware/`.
"""

from __future__ import annotations

from langchain_qwen36.middleware.cost_budget import CostBudgetMiddleware
from langchain_qwen36.middleware.model_router import QwenModelRouterMiddleware, Route
from langchain_qwen36.middleware.prompt_caching import PromptCachingMiddleware
from langchain_qwen36.middleware.spending import SpendingAccount
from langchain_qwen36.middleware.tier_guard import TierGuardMiddleware
from langchain_qwen36.middleware.tool_call_repair import ToolCallRepairMiddleware

__all__ = [
    "CostBudgetMiddleware",
    "PromptCachingMiddleware",
    "QwenModelRouterMiddleware",
    "Route",
    "SpendingAccount",
    "TierGuardMiddleware",
    "ToolCallRepairMiddleware",
]
