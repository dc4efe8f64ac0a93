"""A LangChain agent that thinks, calls a tool, streams its answer and says what it cost.

It needs: pip install "langchain-qwen36[agents,report,local]"
Run with: make demo, or: python examples/agent.py "Your question about a city"

With a gateway's key set it runs on Qwen3.6 there, else on the embedded engine's tiny model.
"""

from __future__ import annotations

import sys

from langchain.agents import create_agent
from rich.console import Console

from langchain_qwen36 import ChatQwen36, get_qwen_cost_callback
from langchain_qwen36.errors import MissingKeyError

LOOKS = {"reasoning": ("dim", ""), "tool_call_chunk": ("cyan", "→ "), "tool": ("green", "← ")}
console = Console(highlight=False, soft_wrap=True, markup=False)


def get_weather(city: str) -> str:
    """Tell today's weather in a city."""
    skies = ("sunny", "cloudy", "rainy")
    return f"{12 + len(city)} degrees and {skies[len(city) % 3]}"


def get_population(city: str) -> str:
    """Tell how many people live in a city."""
    known = {"paris": "2.1 million", "berlin": "3.8 million", "hangzhou": "12.5 million"}
    return f"{known.get(city.lower(), 'about a million')} people"


try:
    model = ChatQwen36(model="qwen3.6-flash")
except MissingKeyError:
    model = ChatQwen36(gateway="local", temperature=0)

question = " ".join(sys.argv[1:]) or "What is the weather in Paris?"
console.print(f"{model.model_name} is asked: {question}")
agent = create_agent(model, [get_weather, get_population])

# `price_as` is for servers without a price, such as the embedded engine and your own.
with get_qwen_cost_callback(price_as="dashscope-intl:qwen3.6-flash") as cb:
    shown = None
    asked = {"messages": [{"role": "user", "content": question}]}
    for message, _ in agent.stream(asked, stream_mode="messages"):
        for block in message.content_blocks:
            kind = "tool" if message.type == "tool" else block["type"]
            style, mark = LOOKS.get(kind, (None, ""))
            if kind != shown or block.get("name"):
                console.print(f"\n{mark}", style=style, end="")
                shown = kind
            said = (block.get(key) or "" for key in ("reasoning", "name", "args", "text"))
            console.print("".join(said), style=style, end="")

console.print("\n")
console.print(cb.report())
