"""An agent with tools that stops when its money is spent: the call after that is not made.

It needs: pip install "langchain-qwen36[agents]"
With a gateway's key set: python examples/agent_with_budget.py
With a budget of your own, in your gateway's currency: python examples/agent_with_budget.py "1 CNY"
With none, on a tiny model: QWEN36_GATEWAY=local python examples/agent_with_budget.py
"""

from __future__ import annotations

import sys

from langchain.agents import create_agent

from langchain_qwen36 import ChatQwen36, get_qwen_cost_callback
from langchain_qwen36.errors import BudgetExceededError

BUDGET = sys.argv[1] if len(sys.argv) > 1 else "0.0005 USD"
QUESTIONS = [
    f"What is the {thing} {city}?"
    for city in ("Paris", "Berlin", "Rome", "Madrid", "Vienna")
    for thing in ("weather in", "population of")
]


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"{12 + len(city)} degrees in {city}"


def get_population(city: str) -> str:
    """Tell how many people live in a city."""
    return f"{len(city)} million people in {city}"


agent = create_agent(ChatQwen36(model="qwen3.6-flash"), [get_weather, get_population])

# `price_as` is for servers without a price, such as the embedded engine and your own.
with get_qwen_cost_callback(budget=BUDGET, price_as="dashscope-intl:qwen3.6-flash") as cb:
    try:
        for question in QUESTIONS:
            found = agent.invoke({"messages": [{"role": "user", "content": question}]})
            print(f"{question} {found['messages'][-1].text} ({cb.total_cost} spent)")
    except BudgetExceededError as error:
        print(f"stopped: {error}")
