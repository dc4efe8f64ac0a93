"""A tool call that is cut off by the token limit: the model is told, and asked again.

It needs: pip install "langchain-qwen36[agents]"
With a gateway's key set: python examples/middleware_tool_call_repair.py
"""

from __future__ import annotations

from langchain.agents import create_agent

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.middleware import ToolCallRepairMiddleware


def save_note(title: str, text: str) -> str:
    """Save a note."""
    return f"saved {title!r}, {len(text)} characters"


def main() -> None:
    """Give so few tokens that the arguments break, and see how it ends."""
    model = ChatQwen36(model="qwen3.6-plus", enable_thinking=False, max_tokens=12)
    agent = create_agent(model, [save_note], middleware=[ToolCallRepairMiddleware(max_repairs=1)])
    question = "Use save_note with the title 'Sky' and a long text on why the sky is blue."
    found = agent.invoke({"messages": [{"role": "user", "content": question}]})
    for message in found["messages"]:
        print(f"{message.type:>6}: {message.text or getattr(message, 'invalid_tool_calls', '')}")


if __name__ == "__main__":
    main()
