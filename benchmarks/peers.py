"""The models under test, each made as its own documentation makes it."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel

OURS = "ChatQwen36"
BEFORE = "ChatQwen36 before"
"""`ChatQwen36` of an earlier commit: `python -m benchmarks --before COMMIT`."""
FLOOR = "floor"
OPENAI = "ChatOpenAI"

IMPORTS = {
    FLOOR: ("langchain_core", "from langchain_core.language_models import BaseChatModel"),
    OURS: ("langchain_qwen36", "from langchain_qwen36 import ChatQwen36"),
    BEFORE: ("langchain_qwen36", "from langchain_qwen36 import ChatQwen36"),
    OPENAI: ("langchain_openai", "from langchain_openai import ChatOpenAI"),
    "ChatQwen": ("langchain_qwq", "from langchain_qwq import ChatQwen"),
    "ChatDeepSeek": ("langchain_deepseek", "from langchain_deepseek import ChatDeepSeek"),
    "ChatOpenRouter": ("langchain_openrouter", "from langchain_openrouter import ChatOpenRouter"),
}
"""The module that each needs, and what its users write at the top of their file."""

_SETTINGS: dict[str, Any] = {"model": "qwen3.6-plus", "api_key": "sk-benchmark", "max_retries": 0}


def installed() -> list[str]:
    """Return the models that can be measured here; not the one of an earlier commit."""
    return [
        name
        for name, (module, _) in IMPORTS.items()
        if name != BEFORE and importlib.util.find_spec(module)
    ]


def constructor(peer: str, url: str) -> Callable[[], BaseChatModel]:
    """Return what makes one model; `url` is its `base_url`."""
    match peer:
        case "floor":
            from benchmarks.floor import FloorModel

            return FloorModel
        case "ChatQwen36" | "ChatQwen36 before":
            return _ours(url)
        case "ChatOpenAI":
            from langchain_openai import ChatOpenAI

            return lambda: ChatOpenAI(base_url=url, stream_usage=True, **_SETTINGS)
        case "ChatQwen":
            from langchain_qwq import ChatQwen

            return lambda: ChatQwen(api_base=url, **_SETTINGS)
        case "ChatDeepSeek":
            from langchain_deepseek import ChatDeepSeek

            return lambda: ChatDeepSeek(api_base=url, **_SETTINGS)
        case "ChatOpenRouter":
            from langchain_openrouter import ChatOpenRouter

            return lambda: ChatOpenRouter(base_url=url, **_SETTINGS)
        case _:
            raise ValueError(f"No model is called {peer!r}.")


def _ours(url: str) -> Callable[[], BaseChatModel]:
    from langchain_qwen36 import ChatQwen36

    # A row that has prices, so that ours also reckons what each answer cost.
    more: dict[str, Any] = {"gateway": "dashscope", "enable_thinking": False}
    return lambda: ChatQwen36(base_url=url, **more, **_SETTINGS)
