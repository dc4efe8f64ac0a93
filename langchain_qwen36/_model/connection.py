"""Resolve where a request of a client goes: its endpoint, key, headers and timeouts."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from pydantic import SecretStr

from langchain_qwen36._model.api_key import clean_api_key
from langchain_qwen36._transport.target import Target
from langchain_qwen36._transport.timeouts import Timeouts
from langchain_qwen36._version import __version__
from langchain_qwen36.errors import UnsupportedSettingError
from langchain_qwen36.gateways import select_endpoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from langchain_qwen36.gateways import Endpoint, Gateway


class ConnectionSettings(Protocol):
    """The settings that say where requests go; `ChatQwen36`, embeddings and files have them."""

    gateway: str | Gateway | None
    base_url: str | None
    api_key: Any
    timeout: Any
    max_retries: int
    default_headers: Mapping[str, str] | None
    default_query: Mapping[str, str] | None
    http_client: Any
    http_async_client: Any
    max_connections: int
    proxy: str | None


def resolve_endpoint(fields: ConnectionSettings) -> Endpoint:
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


def target_of(
    fields: ConnectionSettings,
    endpoint: Endpoint,
    url: str,
    headers: Mapping[str, str],
    method: str = "POST",
    *,
    is_foreign: bool = False,
) -> Target:
    """Return the target of a request: its URL, and the connections that carry it."""
    return Target(
        url=url,
        headers=headers,
        method=method,
        # The embedded engine is on this machine, whatever proxy the environment names.
        proxy="" if endpoint.gateway.embedded else fields.proxy,
        max_connections=fields.max_connections,
        is_foreign=is_foreign,
        http_client=fields.http_client,
        http_async_client=fields.http_async_client,
    )


def httpx_options(endpoint: Endpoint, proxy: str | None = None) -> dict[str, Any]:
    """Return httpx's options for one request; it goes past a proxy where `target_of` does."""
    return {"trust_env": False} if endpoint.gateway.embedded else {"proxy": proxy or None}


def timeouts_of(value: Any, gateway: Gateway) -> Timeouts:
    """Read `timeout=`; a gateway that is slow by nature has another default."""
    if value is None and (seconds := gateway.first_event_timeout):
        return Timeouts(first_event=seconds, gap=seconds)
    return Timeouts.of(value)


def check_headers(*given: Mapping[str, Any] | None) -> None:
    """Refuse headers that cannot be sent.

    Raises:
        UnsupportedSettingError: the message names the header, not its value, which may be a secret.
    """
    for headers in given:
        for name, value in _pairs(headers, "extra_headers"):
            if not all(isinstance(text, str) and text.isascii() for text in (name, value)):
                raise UnsupportedSettingError(
                    f"The header {name!r} must be ASCII text: leave it out, or encode it."
                )


def _pairs(given: Any, name: str) -> Iterable[tuple[Any, Any]]:
    """Return the pairs of a mapping; a call's own is not checked when the model is made."""
    if given and not isinstance(given, Mapping):
        raise UnsupportedSettingError(f"`{name}` is a dict, not {type(given)}.")
    return given.items() if given else ()


def check_clients(fields: ConnectionSettings) -> None:
    """Refuse a client of another kind, such as `openai.OpenAI` or a sync one in the async place.

    Raises:
        UnsupportedSettingError: the message names the setting and the class that it takes.
    """
    if fields.http_client is None and fields.http_async_client is None:
        return
    kinds = (("http_client", "Client", False), ("http_async_client", "AsyncClient", True))
    for name, kind, is_async in kinds:
        client = getattr(fields, name)
        if client is None:
            continue
        send = getattr(client, "send", None)
        if not hasattr(client, "build_request") or inspect.iscoroutinefunction(send) != is_async:
            raise UnsupportedSettingError(
                f"`{name}` must be an `httpx.{kind}`, not a {type(client).__name__}."
            )


def url_with_query(url: str, *queries: Mapping[str, Any] | None) -> str:
    """Return a URL with a query made of several parts; later parts win.

    Raises:
        UnsupportedSettingError: A value holds a lone surrogate, which no URL can.
    """
    if not any(queries):
        return url
    query = dict(pair for part in queries for pair in _pairs(part, "extra_query"))
    try:
        return f"{url}?{urlencode(query)}"
    except UnicodeEncodeError:  # it would quote the value, which may be a key
        problem = "a name or a value of the query holds a lone surrogate, which no URL can."
    raise UnsupportedSettingError(problem)


def headers_of(
    fields: ConnectionSettings,
    key: SecretStr | None,
    own: Mapping[str, str] | None = None,
    extra: Mapping[str, str] | None = None,
) -> Mapping[str, str]:
    """Build headers in a frame that cannot raise, so tracebacks never contain the key.

    Args:
        fields: The client.
        key: The key, or None to send none.
        own: Headers of the request; the user's win.
        extra: The user's headers for this call, which win over all others.
    """
    return {
        **_own_headers(),
        **({"authorization": f"Bearer {key.get_secret_value()}"} if key else {}),
        **(own or {}),
        **(fields.default_headers or {}),
        **(extra or {}),
    }


def resolve_api_key(fields: ConnectionSettings, endpoint: Endpoint) -> str | Awaitable[str] | None:
    """Return the current key: `api_key`, or the gateway's variable; a function is called again."""
    if fields.api_key is None:
        return endpoint.key
    if isinstance(fields.api_key, SecretStr):
        return fields.api_key.get_secret_value()
    key: str | Awaitable[str] = fields.api_key()
    return key


def check_api_key(fields: ConnectionSettings, endpoint: Endpoint) -> None:
    """Refuse a key that cannot be sent; a function's key is checked when it is called.

    Raises:
        UnsupportedSettingError: white space inside the key, or a character beyond ASCII.
    """
    if not callable(fields.api_key) and (key := resolve_api_key(fields, endpoint)):
        clean_api_key(key)  # type: ignore[arg-type]  # only functions give awaitables


def sync_api_key(fields: ConnectionSettings, endpoint: Endpoint) -> SecretStr | None:
    """Return the key for a sync call, hidden: error trackers show the locals of every frame.

    Raises:
        TypeError: `api_key` is an async function.
    """
    key = resolve_api_key(fields, endpoint)
    if inspect.iscoroutine(key):
        key.close()
        raise TypeError("`api_key` is an async function: use ainvoke, astream or abatch.")
    return SecretStr(clean_api_key(key)) if key else None  # type: ignore[arg-type]


async def async_api_key(fields: ConnectionSettings, endpoint: Endpoint) -> SecretStr | None:
    """Return the key for an async call."""
    key = resolve_api_key(fields, endpoint)
    value = await key if inspect.isawaitable(key) else key
    return SecretStr(clean_api_key(value)) if value else None


@cache
def _own_headers() -> Mapping[str, str]:
    return {"user-agent": f"langchain-qwen36/{__version__}"}
