"""A conversation too long for the cheap price tier: its oldest turns stay at home, and it pays.

It needs: pip install "langchain-qwen36[agents]"
With a gateway's key set: python examples/middleware_tier_guard.py
"""

from __future__ import annotations

from langchain.agents import create_agent

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.middleware import TierGuardMiddleware

CHAPTER = "It was a dark and stormy night. " * 6_000
"""About 48,000 tokens."""


def main() -> None:
    """Send eight chapters and a question."""
    agent = create_agent(
        ChatQwen36(model="qwen3.6-plus", enable_thinking=False),
        middleware=[TierGuardMiddleware("trim")],
    )
    messages = []
    for number in range(1, 9):
        messages += [
            {"role": "user", "content": f"Chapter {number}. {CHAPTER}"},
            {"role": "assistant", "content": "Read."},
        ]
    messages.append({"role": "user", "content": "Which chapters can you see?"})
    answer = agent.invoke({"messages": messages})["messages"][-1]
    print(answer.text[:200])
    print(answer.response_metadata.get("tier_guard", "This gateway has no tiers for the model."))


if __name__ == "__main__":
    main()
