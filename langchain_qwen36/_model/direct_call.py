"""Call a model without a run of LangChain, where nothing takes part in runs.

A run takes 0.2 of the 0.46 ms of an `ainvoke`, even if nobody receives its callbacks (the benchmark
of bulk runs). `bulk` makes its calls in this way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_core.callbacks import AsyncCallbackManager
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import ensure_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages import AIMessage

    from langchain_qwen36._model.base import BaseChatQwen


_STEPS = (
    "ainvoke",
    "agenerate_prompt",
    "agenerate",
    "_agenerate_with_cache",
    "_should_stream",
)
"""Methods of core that a run goes through before the model's own `_agenerate`."""


def needs_run(model: BaseChatQwen) -> bool:
    """Return whether a callback, tracer, cache, rate limiter or `streaming` takes part in runs.

    Callbacks come from the model, but also from the run around this call, from LangSmith's
    environment variables, `set_debug` and contexts such as `get_usage_metadata_callback`.
    Subclasses and monitoring agents may have an `ainvoke` or `agenerate` of their own.
    """
    callbacks = ensure_config().get("callbacks")
    manager = AsyncCallbackManager.configure(callbacks, model.callbacks, model.verbose)
    has_cache = model.cache is not False and (model.cache is not None or get_llm_cache())
    settings = (model.rate_limiter, model.streaming, model.output_version == "v1")
    is_replaced = any(_is_replaced(getattr(model, name)) for name in _STEPS)
    return bool(manager.handlers or has_cache or any(settings) or is_replaced)


def _is_replaced(step: Any) -> bool:
    """Return whether a subclass, or a monitoring agent, has replaced or wrapped a step of a run.

    Datadog's agent wraps `BaseChatModel.agenerate`:
    https://github.com/DataDog/dd-trace-py/blob/main/ddtrace/contrib/internal/langchain/patch.py
    """
    return step.__module__ != BaseChatModel.__module__ or hasattr(step, "__wrapped__")


async def acall(model: BaseChatQwen, request: Any, kwargs: Mapping[str, Any]) -> AIMessage:
    """Send a request as `ainvoke` does; core would convert content blocks before, so those take it.

    Args:
        model: The model, of which `needs_run` is False.
        request: What `ainvoke` takes.
        kwargs: The bound keywords of the call.
    """
    messages = model._convert_input(request).to_messages()  # noqa: SLF001
    if not all(isinstance(message.content, str) for message in messages):
        return await model.ainvoke(messages, **kwargs)
    result = await model._agenerate(messages, **kwargs)  # noqa: SLF001
    return cast("AIMessage", result.generations[0].message)
