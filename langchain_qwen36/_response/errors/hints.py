"""Say what to do about an error: the sentence at the end of its message."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from langchain_qwen36.catalog import PriceBook, nearest_models
from langchain_qwen36.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    GatewayConnectionError,
    InvalidRequestError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
)
from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from langchain_qwen36._response.errors.classify import ErrorClass
    from langchain_qwen36.errors import QwenError
    from langchain_qwen36.gateways import Gateway

_ADVICE = {
    NotFoundError: "Check `model=` and `base_url=`.",
    PaymentRequiredError: "Waiting does not help: top up or pay at the gateway.",
    ContextOverflowError: "Shorten or summarise the messages, or choose a longer window.",
    ContentFilterError: "The flagged text is still in your messages: take it out before going on.",
}


_TERMS = {
    PaymentRequiredError: "余额不足或欠费",
    RateLimitError: "限流",
    ContextOverflowError: "上下文超长",
    ContentFilterError: "内容审核未通过",
    AuthenticationError: "API Key 无效",
    PermissionDeniedError: "无权限或未开通",
}
"""Terms that Chinese users of a Chinese vendor search for."""

_ABOUT_PLAN_KEYS = (
    "A key that begins with sk-sp- is one of a plan and works at the plan's own host only: pass "
    "`gateway='dashscope-token-plan'` or `gateway='dashscope-coding-plan'`."
)

PLAN_KEY = b"sk-sp-"
"""The start of a key of Alibaba's Token Plan or Coding Plan."""


def vendor_term(error_class: ErrorClass, gateway: Gateway) -> str | None:
    """Return the Chinese term of an error's class, at gateways whose pages are in Chinese."""
    return _TERMS.get(error_class.error) if gateway.chinese_terms else None


def hint(error_class: ErrorClass, gateway: Gateway, *, plan_key: bool) -> str | None:
    """Return the sentence that names the fix, or None if none is known."""
    if error_class.advice:
        return error_class.advice
    refused = error_class.error in {AuthenticationError, PermissionDeniedError}
    if refused and plan_key and gateway.billing != "plan":
        return _ABOUT_PLAN_KEYS
    if error_class.error is AuthenticationError:
        return _about_the_key(gateway)
    return _ADVICE.get(error_class.error)


def _about_the_key(gateway: Gateway) -> str:
    """Return advice about the key, which is bound to one of the vendor's regions."""
    variable = " or ".join(gateway.key_env)
    text = f"Check `api_key=`{f' or {variable}' if variable else ''}."
    regions = [
        row.name
        for row in GATEWAYS.values()
        if row.name != gateway.name
        and row.base_url
        and row.billing == "tokens"
        and set(row.key_env) & set(gateway.key_env)
    ]
    if regions:
        text += f" A key is bound to its region; the others are {', '.join(map(repr, regions))}."
    return text


def advice_for_call(
    error: QwenError, url: str, model: str, gateway: Gateway | None = None
) -> str | None:
    """Return the sentence that names what is wrong with a call's URL or model, or None.

    Args:
        error: The call's error.
        url: The URL of the request.
        model: The model's id as the user wrote it.
        gateway: The gateway's row, which knows where its API is.
    """
    message = error.message.lower()
    if url.startswith("https:") and isinstance(error, GatewayConnectionError):
        if "wrong version number" in message or "record layer failure" in message:
            return "The server speaks plain HTTP: begin `base_url=` with http://."
    elif url.startswith("http:") and ("https port" in message or "to https server" in message):
        return "The server speaks HTTPS: begin `base_url=` with https://."
    names_model = bool(model) and "model" in message and model.lower() in message
    is_404 = isinstance(error, NotFoundError)
    if is_404 and (advice := _about_the_path(url, None if names_model else gateway)):
        return advice
    # OpenRouter answers a misspelt model with a 400.
    if is_404 or (names_model and isinstance(error, InvalidRequestError)):
        near = _similar_model(model)
        return f"Did you mean `model={near!r}`?" if near else None
    return None


def _about_the_path(url: str, gateway: Gateway | None) -> str | None:
    base = url.partition("?")[0].removesuffix("/chat/completions")
    if not re.search(r"/v\d", urlsplit(url).path):
        base = base.removesuffix("/api")  # Ollama's own API
        return f"Most servers have their API below /v1: try `base_url={base + '/v1'!r}`."
    own = urlsplit(gateway.base_url or "").path if gateway else ""
    if own not in {"", _OTHER_API} and base.endswith(_OTHER_API):
        base = base.removesuffix(_OTHER_API) + own
        return f"Chat Completions are below {own} here: try `base_url={base!r}`."
    return None


_OTHER_API = "/api/v1"
"""Path of an API that the vendor's own SDK speaks, and ChatTongyi."""


def _similar_model(model: str) -> str | None:
    """Return the known model whose name is the most similar; None for one that is spelled right.

    Before a colon stands what other classes put there: `qwen36:`, `alibaba:`.
    """
    known = PriceBook.bundled().model(model)
    if known is None:
        near = nearest_models(model) or nearest_models(model.rpartition(":")[2])
        return next(iter(near), None)
    is_written_otherwise = known.id.lower() == model.lower() and known.id != model
    return known.id if is_written_otherwise else None
