"""Prepare one call: resolve the endpoint and the key, build the request and its headers."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pydantic import SecretStr

from langchain_qwen36._logging import logger_for
from langchain_qwen36._model import call_options as call_settings
from langchain_qwen36._model import legacy_functions
from langchain_qwen36._model.api_key import clean_api_key
from langchain_qwen36._model.translated_settings import translate
from langchain_qwen36._model.user_warnings import warn_of_changes
from langchain_qwen36._request import build as wire_request
from langchain_qwen36._transport import ApiCall, Target, Timeouts
from langchain_qwen36._version import __version__
from langchain_qwen36.catalog import PriceBook, find_model, wire_id
from langchain_qwen36.errors import UnsupportedSettingError
from langchain_qwen36.gateways import select_endpoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from langchain_core.messages import BaseMessage

    from langchain_qwen36._model.fields import QwenFields
    from langchain_qwen36._request.types import Request
    from langchain_qwen36.catalog import Offer
    from langchain_qwen36.gateways import Endpoint, Gateway


logger = logger_for(__name__)


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A prepared request and the HTTP call that sends it."""

    request: Request
    api_call: ApiCall
    has_functions: bool = False
    """Whether the caller bound legacy `functions=`, and reads `function_call` of the answer."""


def resolve_endpoint(fields: QwenFields) -> Endpoint:
    """Choose the gateway, its base URL and its key.

    Raises:
        MissingKeyError: no gateway can be chosen, or its key is not set.
        UnsupportedSettingError: an unknown gateway, or one without a base URL.
    """
    return select_endpoint(fields.gateway, fields.base_url, has_key=fields.api_key is not None)


def ensure_engine_running(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint with a base URL, starting the embedded engine if it does not run.

    Raises:
        EngineError: the engine cannot start.
    """
    if not endpoint.gateway.embedded or endpoint.base_url is not None:
        return endpoint
    from langchain_qwen36.local import shared_engine  # noqa: PLC0415  # the extra `local`

    engine = shared_engine()
    key = engine.api_key.get_secret_value()
    return replace(endpoint, base_url=engine.base_url, key=key, check=engine.check)


def prepare_call(
    fields: QwenFields,
    endpoint: Endpoint,
    key: SecretStr | None,
    messages: Sequence[BaseMessage],
    *,
    stop: list[str] | None,
    kwargs: Mapping[str, Any],
    stream: bool,
) -> PreparedCall:
    """Build the request body and the HTTP call.

    Args:
        fields: The model object.
        endpoint: The gateway; its `base_url` is set.
        key: The key, or None to send none.
        messages: The conversation.
        stop: LangChain's own argument.
        kwargs: The call's keywords.
        stream: Whether the caller wants a stream; `invoke` may stream internally.

    Raises:
        TypeError: a keyword that a call cannot take.
        ValueError: a message or a setting that cannot be sent (`MessageError`,
            `UnsupportedSettingError`).
    """
    has_functions = bool(kwargs.get("functions"))
    kwargs = legacy_functions.tools_from_functions(translate(kwargs)) if kwargs else kwargs
    call_settings.check_call(kwargs)
    if legacy_functions.has_functions(messages):
        messages = legacy_functions.messages_with_tool_calls(messages)
    gateway = endpoint.gateway
    prices = gateway.price_list or gateway.name
    name = call_settings.model_name(fields, kwargs)
    offer = (fields.price_book or PriceBook.bundled()).offer(prices, name)
    _warn_if_retired(gateway.name, offer)
    settings = call_settings.merge(fields, wire_id(prices, name), stop, kwargs, offer)
    request = wire_request.build(messages, settings, gateway, find_model(name), stream=stream)
    if request.notes:
        warn_of_changes(request.notes, fields.__dict__.get("_made_at"))
    api_call = _api_call(fields, endpoint, key, request, kwargs)
    return PreparedCall(request, api_call, has_functions)


def _api_call(
    fields: QwenFields,
    endpoint: Endpoint,
    key: SecretStr | None,
    request: Request,
    kwargs: Mapping[str, Any],
) -> ApiCall:
    if (name := _unsendable_header(fields, kwargs)) is not None:
        raise UnsupportedSettingError(
            f"The header {name!r} must be ASCII text: leave it out, or encode it."
        )
    return ApiCall(
        is_stream=bool(request.body.get("stream")),
        target=Target(
            url=_url(endpoint, fields, kwargs),
            headers=_headers(fields, key, kwargs),
            # The embedded engine is on this machine, whatever proxy the environment names.
            proxy="" if endpoint.gateway.embedded else fields.proxy,
            max_connections=fields.max_connections,
            http_client=fields.http_client,
            http_async_client=fields.http_async_client,
        ),
        body=wire_request.to_bytes(request.body),
        gateway=endpoint.gateway,
        model=request.requested_model,
        timeouts=_timeouts(kwargs.get("timeout", fields.timeout), endpoint.gateway),
        max_retries=kwargs.get("max_retries", fields.max_retries),
        max_event_bytes=kwargs.get("max_event_bytes", fields.max_event_bytes),
        check=endpoint.check,
    )


def _warn_if_retired(gateway: str, offer: Offer | None) -> None:
    if offer is None or not (offer.retired or offer.model.retired):
        return
    if offer.is_retired(datetime.now(UTC).date()):
        _warn_retired(gateway, offer.model.id, offer.successor or offer.model.successor)


@cache
def _warn_retired(gateway: str, model: str, successor: str | None) -> None:
    """Log once per process: the gateway's refusal would not name the successor."""
    choose = f" Use {successor!r}." if successor else ""
    logger.warning("%s is no longer sold at gateway %r.%s", model, gateway, choose)


def _timeouts(value: Any, gateway: Gateway) -> Timeouts:
    """Read `timeout=`; a gateway that takes its time has another default."""
    if value is None and (seconds := gateway.first_event_timeout):
        return Timeouts(first_event=seconds, gap=seconds)
    return Timeouts.of(value)


def _unsendable_header(fields: QwenFields, kwargs: Mapping[str, Any]) -> str | None:
    """Return the name of a header that cannot be sent; its value may be a secret."""
    headers = [
        *(fields.default_headers or {}).items(),
        *(kwargs.get("extra_headers") or {}).items(),
    ]
    return next(
        (name for name, value in headers if not isinstance(value, str) or not value.isascii()), None
    )


def _url(endpoint: Endpoint, fields: QwenFields, kwargs: Mapping[str, Any]) -> str:
    query = {**(fields.default_query or {}), **(kwargs.get("extra_query") or {})}
    url = f"{endpoint.base_url}/chat/completions"
    return f"{url}?{urlencode(query)}" if query else url


def _headers(
    fields: QwenFields, key: SecretStr | None, kwargs: Mapping[str, Any]
) -> Mapping[str, str]:
    """Build headers in a frame that cannot raise, so tracebacks never contain the key."""
    return {
        **_own_headers(),
        **({"authorization": f"Bearer {key.get_secret_value()}"} if key else {}),
        **(fields.default_headers or {}),
        **(kwargs.get("extra_headers") or {}),
    }


def resolve_api_key(fields: QwenFields, endpoint: Endpoint) -> str | Awaitable[str] | None:
    """Return the current key: `api_key`, or the gateway's variable; a function is called anew."""
    if fields.api_key is None:
        return endpoint.key
    if isinstance(fields.api_key, SecretStr):
        return fields.api_key.get_secret_value()
    return fields.api_key()


def check_api_key(fields: QwenFields, endpoint: Endpoint) -> None:
    """Refuse a key that cannot be one; a function's key is checked when it is called.

    Raises:
        UnsupportedSettingError: white space inside the key, or a character beyond ASCII.
    """
    if not callable(fields.api_key) and (key := resolve_api_key(fields, endpoint)):
        clean_api_key(key)  # type: ignore[arg-type]  # only functions give awaitables


def sync_api_key(fields: QwenFields, endpoint: Endpoint) -> SecretStr | None:
    """Return the key for a sync call, hidden: error trackers show the locals of every frame.

    Raises:
        TypeError: `api_key` is an async function.
    """
    key = resolve_api_key(fields, endpoint)
    if inspect.iscoroutine(key):
        key.close()
        raise TypeError("`api_key` is an async function: use ainvoke, astream or abatch.")
    return SecretStr(clean_api_key(key)) if key else None  # type: ignore[arg-type]


async def async_api_key(fields: QwenFields, endpoint: Endpoint) -> SecretStr | None:
    """Return the key for an async call."""
    key = resolve_api_key(fields, endpoint)
    value = await key if inspect.isawaitable(key) else key
    return SecretStr(clean_api_key(value)) if value else None


@cache
def _own_headers() -> Mapping[str, str]:
    return {"user-agent": f"langchain-qwen36/{__version__}"}
