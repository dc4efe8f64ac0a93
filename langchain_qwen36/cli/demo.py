"""`demo`: a question, a tool call and an answer, streamed, with what they cost.

With a gateway's key in the environment it runs on Qwen there, else on the small model of the
embedded engine (extra `local`), which is fetched once.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

from langchain_qwen36 import ChatQwen36, get_qwen_cost_callback
from langchain_qwen36.errors import EngineMissingError, MissingKeyError, QwenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import AIMessage, BaseMessage

_MAX_ROUNDS = 4
"""Most calls of the model, whatever it wants next."""
_STYLES = {"reasoning": "\033[2m", "call": "\033[36m", "result": "\033[32m", "text": ""}
_PRICE_AS = "dashscope-intl:qwen3.6-flash"
"""The price list used for servers without one, such as the embedded engine."""


@tool
def get_weather(city: str) -> str:
    """Get today's weather in a city."""
    skies = ("sunny", "cloudy", "rainy")
    return f"{12 + len(city)} degrees and {skies[len(city) % 3]}"


def main(argv: Sequence[str]) -> int:
    """Run `demo`; return the exit status."""
    parser = argparse.ArgumentParser(prog="langchain_qwen36 demo", description=__doc__)
    parser.add_argument("question", nargs="*", help="a question about the weather in a city")
    question = " ".join(parser.parse_args(argv).question) or "What is the weather in Paris?"
    try:
        model = _model()
        _write(f"{model.model_name} is asked: {question}\n", "text")
        with get_qwen_cost_callback(price_as=_PRICE_AS) as cost:
            _converse(model, question)
    except EngineMissingError as error:
        print(f"{error}, or set the key of a gateway", file=sys.stderr)  # noqa: T201
        return 1
    except QwenError as error:
        print(f"langchain_qwen36 demo: {error}", file=sys.stderr)  # noqa: T201
        return 1
    _write(f"\n\n{cost}\n", "text")
    return 0


def _model() -> ChatQwen36:
    """Return Qwen at the gateway whose key is set, else the embedded engine."""
    try:
        return ChatQwen36(model="qwen3.6-flash")
    except MissingKeyError:
        return ChatQwen36(gateway="local", temperature=0)


def _converse(model: ChatQwen36, question: str) -> None:
    """Let the model call the tool until it answers in text."""
    with_tools = model.bind_tools([get_weather])
    messages: list[BaseMessage] = [HumanMessage(question)]
    for _ in range(_MAX_ROUNDS):
        answer = _stream(with_tools, messages)
        messages.append(answer)
        if not answer.tool_calls:
            return
        for call in answer.tool_calls:
            _write(f"\n→ {call['name']}({call['args']})", "call")
            result = get_weather.invoke(call)
            _write(f"\n← {result.content}", "result")
            messages.append(result)


def _stream(model: Any, messages: Sequence[BaseMessage]) -> AIMessage:
    """Write reasoning and text as they come, and return the whole message."""
    whole: Any = None
    shown = None
    for chunk in model.stream(messages):
        whole = chunk if whole is None else whole + chunk
        parts = {
            "reasoning": chunk.additional_kwargs.get("reasoning_content"),
            "text": chunk.text,
        }
        for kind, text in parts.items():
            if text:
                _write("\n" * (kind != shown) + text, kind)
                shown = kind
    return cast("AIMessage", whole)  # a stream has at least its last chunk


def _write(text: str, kind: str) -> None:
    style = _STYLES[kind] if sys.stdout.isatty() else ""
    sys.stdout.write(f"{style}{text}\033[0m" if style else text)
    sys.stdout.flush()
