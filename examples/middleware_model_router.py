"""One agent, four models: each request goes to the one that the rules choose.

It needs: pip install "langchain-qwen36[agents]"
With a gateway's key set: python examples/middleware_model_router.py
"""

from __future__ import annotations

from langchain.agents import create_agent

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.middleware import QwenModelRouterMiddleware, Route


def main() -> None:
    """Ask an everyday, a hard, a quick and a legal question."""
    router = QwenModelRouterMiddleware(
        [Route("legal", "qwen3.7-max", lambda request: "law" in request.messages[-1].text)]
    )
    for question, settings in (
        ("Say hello.", {}),
        ("Prove that there are infinitely many primes.", {"reasoning_effort": "high"}),
        ("What is 2 + 2?", {"enable_thinking": False}),
        ("Is there a law against bad puns?", {}),
    ):
        agent = create_agent(ChatQwen36(model="qwen3.6-plus", **settings), middleware=[router])
        asked = {"messages": [{"role": "user", "content": question}]}
        answer = agent.invoke(asked)["messages"][-1]
        print(f"{answer.response_metadata['route']}: {answer.text[:80]}")


if __name__ == "__main__":
    main()
