"""A long system prompt is written to the server's cache once, then read at a tenth of its price.

It needs: pip install "langchain-qwen36[agents]"
With a gateway's key set: python examples/middleware_prompt_caching.py
"""

from __future__ import annotations

from langchain.agents import create_agent

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.middleware import PromptCachingMiddleware

HANDBOOK = "Rule {}: answer in one sentence, and cite the rule that you followed. "


def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"18 degrees in {city}"


def main() -> None:
    """Ask two questions of an agent with a long handbook."""
    agent = create_agent(
        ChatQwen36(model="qwen3.6-plus"),
        [get_weather],
        system_prompt="".join(HANDBOOK.format(number) for number in range(150)),
        middleware=[PromptCachingMiddleware()],
    )
    for question in ("Use get_weather on Paris.", "Use get_weather on Rome."):
        found = agent.invoke({"messages": [{"role": "user", "content": question}]})
        for message in found["messages"]:
            if note := message.response_metadata.get("prompt_cache"):
                cost = message.response_metadata["cost"]
                print(f"{note}; the call cost {cost['total']} {cost['currency']}")


if __name__ == "__main__":
    main()
