"""A LangChain agent that thinks, calls tools, streams its answer and says what it cost.

Run with: make demo, or: .venv/bin/python examples/agent.py "Your question about a city"

With a gateway's key in the environment (DASHSCOPE_API_KEY, OPENROUTER_API_KEY, …) it runs on
Qwen3.6 there, else on the tiny model of the embedded engine. That one is too small to choose a
tool by itself, so its first tool call is forced; which tool, and with what, is its own doing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from langchain.agents import create_agent
from langchain.agents.middleware import wrap_model_call
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from rich.console import Console
from rich.table import Table

from langchain_qwen36 import ChatQwen36, get_qwen_cost_callback
from langchain_qwen36.catalog import find_offer
from langchain_qwen36.errors import MissingKeyError
from langchain_qwen36.pricing import cost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain.agents.middleware import ModelRequest, ModelResponse

    from langchain_qwen36.callbacks import CallRecord
    from langchain_qwen36.pricing import Money

console = Console(highlight=False, soft_wrap=True)
STAND_IN = ("dashscope-intl", "qwen3.6-flash")
"""Whose list price the embedded engine's tokens are shown at; it costs nothing itself."""


def get_weather(city: str) -> str:
    """Tell today's weather in a city."""
    skies = ("sunny", "cloudy", "rainy")
    return f"{12 + len(city)} degrees and {skies[len(city) % 3]}"


def get_population(city: str) -> str:
    """Tell how many people live in a city."""
    known = {"paris": "2.1 million", "berlin": "3.8 million", "hangzhou": "12.5 million"}
    return f"{known.get(city.lower(), 'about a million')} people"


@wrap_model_call
def force_first_call(
    request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]
) -> ModelResponse:
    """Ask for a tool call until there is a result."""
    has_result = any(isinstance(message, ToolMessage) for message in request.messages)
    return handler(request if has_result else request.override(tool_choice="any"))


def choose_model() -> ChatQwen36:
    """Use a gateway whose key is set, else the embedded engine."""
    try:
        return ChatQwen36(model="qwen3.6-flash")
    except MissingKeyError:
        return ChatQwen36(gateway="local", temperature=0, thinking_budget=64, max_tokens=256)


def show(mode: str, part: object) -> None:
    """Print a piece of thought, dimmed, a piece of the answer, or a tool's call and result."""
    match mode, part:
        case "messages", (AIMessageChunk() as chunk, _):
            console.print(chunk.additional_kwargs.get("reasoning_content", ""), style="dim", end="")
            console.print(chunk.text, end="", markup=False)
        case "updates", dict(update):
            for node in update.values():
                for message in (node or {}).get("messages", ()):
                    show_tools(message)


def show_tools(message: object) -> None:
    """Print the calls of an answer, or a tool's result."""
    if isinstance(message, AIMessage):
        console.print()
        for call in message.tool_calls:
            console.print(f"→ {call['name']}({call['args']})", style="cyan", markup=False)
    elif isinstance(message, ToolMessage):
        console.print(f"← {message.text}\n", style="green", markup=False)


def stand_in(_model: str | None, _gateway: str | None, usage: Mapping[str, Any]) -> Money | None:
    """Price the embedded engine's tokens as a hosted model's."""
    listed = cost(usage, find_offer(*STAND_IN))
    return listed.money if listed else None


def price_row(number: int, call: CallRecord) -> tuple[str, ...]:
    """One model call: tokens, tier, list price."""
    money = "unknown" if call.cost is None else f"{call.cost:.6f} {call.currency}"
    tier = call.tier or find_tier(call.tokens.input)
    cells = (number, call.model, call.tokens.input, call.tokens.output, tier, money)
    return tuple(str(cell) for cell in cells)


def find_tier(input_tokens: int) -> str:
    """The stand-in's price tier for so many tokens."""
    listed = cost({"input_tokens": input_tokens}, find_offer(*STAND_IN))
    return listed.tier.label if listed else "unknown"


def main(question: str) -> None:
    """Ask the agent and show all of it."""
    model = choose_model()
    embedded = model.gateway == "local"
    console.print(f"[bold]{model.model}[/] is asked: {question}\n")
    agent = create_agent(
        model,
        [get_weather, get_population],
        middleware=[force_first_call] if embedded else [],
    )
    with get_qwen_cost_callback(price_of=stand_in if embedded else None) as cb:
        asked = {"messages": [{"role": "user", "content": question}]}
        for mode, part in agent.stream(asked, stream_mode=["messages", "updates"]):
            show(mode, part)
    title = "List price" + (f" as {STAND_IN[1]}; the embedded engine is free" if embedded else "")
    table = Table("Call", "Model", "Tokens in", "Tokens out", "Tier", "Price", title=title)
    for number, call in enumerate(cb.runs, start=1):
        table.add_row(*price_row(number, call))
    console.print()
    console.print(table)


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or "What is the weather in Paris?")
