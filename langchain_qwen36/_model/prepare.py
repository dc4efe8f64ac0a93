"""Prepare one call of the chat model: build the request body and the HTTP call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from operator import methodcaller
from typing import TYPE_CHECKING, Any

from langchain_qwen36._logging import logger_for
from langchain_qwen36._model import call_options as call_settings
from langchain_qwen36._model import legacy_functions
from langchain_qwen36._model.connection import (
    check_clients,
    check_headers,
    headers_of,
    target_of,
    timeouts_of,
    url_with_query,
)
from langchain_qwen36._model.identity import model_name
from langchain_qwen36._model.translated_settings import translate
from langchain_qwen36._model.user_warnings import warn_of_changes
from langchain_qwen36._request import build as wire_request
from langchain_qwen36._transport import ApiCall
from langchain_qwen36.catalog import PriceBook, find_model, wire_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import BaseMessage
    from pydantic import SecretStr

    from langchain_qwen36._model.fields import QwenFields
    from langchain_qwen36._request.types import Request
    from langchain_qwen36.catalog import Offer
    from langchain_qwen36.gateways import Endpoint

logger = logger_for(__name__)

_RESOLVE_OSS = {"x-dashscope-ossresourceresolve": "enable"}
"""Lets Model Studio follow the URLs of its temporary storage."""


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A prepared request and the HTTP call that sends it."""

    request: Request
    api_call: ApiCall
    has_functions: bool = False
    """Whether the caller bound legacy `functions=`, and reads `function_call` of the answer."""


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
    name = model_name(fields, kwargs)
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
    extra_headers = kwargs.get("extra_headers")
    check_headers(fields.default_headers, extra_headers)
    check_clients(fields)
    # Before the headers: a frame that raises must not hold the key.
    timeouts = timeouts_of(kwargs.get("timeout", fields.timeout), endpoint.gateway)
    url = url_with_query(
        f"{endpoint.base_url}/chat/completions", fields.default_query, kwargs.get("extra_query")
    )
    body = wire_request.to_bytes(request.body)
    has_temporary_url = endpoint.gateway.temporary_storage and _has_temporary_url(request, body)
    headers = headers_of(
        fields, key, _RESOLVE_OSS if has_temporary_url else None, extra=extra_headers
    )
    return ApiCall(
        is_stream=bool(request.body.get("stream")),
        target=target_of(fields, endpoint, url, headers),
        body=body,
        gateway=endpoint.gateway,
        model=request.requested_model,
        timeouts=timeouts,
        max_retries=kwargs.get("max_retries", fields.max_retries),
        max_event_bytes=kwargs.get("max_event_bytes", fields.max_event_bytes),
        check=endpoint.check,
    )


def _has_temporary_url(request: Request, body: bytes) -> bool:
    """Return whether a block holds a URL of Model Studio's temporary storage.

    A conversation of texts has no blocks: to search a body of 1 MB took an eighth of its call.
    """
    contents = map(methodcaller("get", "content"), request.body["messages"])
    return list in map(type, contents) and b'"oss://' in body


def _warn_if_retired(gateway: str, offer: Offer | None) -> None:
    if offer is None or not (offer.retired or offer.model.retired):
        return
    if offer.is_retired(datetime.now(UTC).date()):
        _warn_retired(gateway, offer.model.id, offer.successor or offer.model.successor)


@cache
def _warn_retired(gateway: str, model: str, successor: str | None) -> None:
    """Log a retired model once per process; the gateway's error would not name the successor."""
    choose = f" Use {successor!r}." if successor else ""
    logger.warning("%s is no longer sold at gateway %r.%s", model, gateway, choose)
