"""A process with an agent whose user has a budget in the default ledger."""

from __future__ import annotations

import os

from langchain.agents import create_agent

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.middleware import CostBudgetMiddleware

QUESTION = {"messages": [("user", "hi")]}
CONFIG = {"configurable": {"user_id": "u1"}}
ONE_CALL = "0.00002 USD"
"""More than the question costs, and less than any answer."""


def ask(base_url: str, key: str, **settings) -> str | None:
    """Let a new agent answer u1; return what stopped it."""
    model = ChatQwen36(
        model="qwen3.6-plus", gateway="dashscope-intl", base_url=base_url, api_key=key
    )
    budget = CostBudgetMiddleware(ONE_CALL, per="user", **settings)
    result = create_agent(model, [], middleware=[budget]).invoke(QUESTION, CONFIG)
    return result["messages"][-1].response_metadata.get("reason")


def main(environment: dict[str, str], base_url: str, key: str) -> None:
    """Ask once, in an environment that is the test's."""
    os.environ.clear()
    os.environ.update(environment)
    ask(base_url, key)
