"""An agent with a budget: it ends with a message when the money is spent, subagents counted.

It needs: pip install "langchain-qwen36[agents]"
With a gateway's key set: python examples/middleware_cost_budget.py
"""

from __future__ import annotations

from langchain.agents import create_agent

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.middleware import CostBudgetMiddleware

BUDGET = "0.000001 USD"
"""So little that no call fits into it; Beijing's list is in CNY, so say CNY there."""

researcher = create_agent(ChatQwen36(model="qwen3.6-flash"), name="researcher")


def research(question: str) -> str:
    """Ask a researcher."""
    found = researcher.invoke({"messages": [{"role": "user", "content": question}]})
    return str(found["messages"][-1].text)


def main() -> None:
    """Ask until the budget stops the run."""
    budget = CostBudgetMiddleware(BUDGET)
    model = ChatQwen36(model="qwen3.6-plus")
    agent = create_agent(model, [research], middleware=[budget])
    question = "Use research to ask why the sky is blue."
    found = agent.invoke({"messages": [{"role": "user", "content": question}]})
    for message in found["messages"]:
        print(f"{message.type:>6}: {message.text}")


if __name__ == "__main__":
    main()
