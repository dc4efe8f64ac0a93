"""Collect the values of a request that may be secret, to redact them in responses."""

from __future__ import annotations

import base64
import functools
import json
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from langchain_qwen36._transport.target import Target

_MIN_LENGTH = 8
"""Least characters of a key; replacing shorter values would damage ordinary text."""
_LOWER_CASE = ("http_proxy", "https_proxy", "all_proxy")
_VARIABLES = (*_LOWER_CASE, *map(str.upper, _LOWER_CASE))
_OURS = frozenset({"user-agent", "accept", "accept-encoding", "content-type"})
"""Headers whose values are no secrets."""


def secrets_of(target: Target) -> tuple[bytes, ...]:
    """Return what errors must not quote: values of headers and query, the proxy's password."""
    proxies = (target.proxy,) if target.proxy else ()
    return _secrets(tuple(target.headers.items()), target.url, proxies)


def secrets_of_environment() -> tuple[bytes, ...]:
    """Return the logins of the environment's proxies; only errors need them, which are rare."""
    return _secrets((), "", tuple(filter(None, map(os.environ.get, _VARIABLES))))


@functools.lru_cache(maxsize=64)
def _secrets(
    headers: tuple[tuple[str, str], ...], url: str, proxies: tuple[str, ...]
) -> tuple[bytes, ...]:
    values = {
        form
        for value in (*_in_headers(headers), *_in_query(url), *_in_proxies(proxies))
        for form in (value, json.dumps(value)[1:-1])
        if len(value) >= _MIN_LENGTH
    }
    # The longest first: one value may be a part of another.
    return tuple(value.encode() for value in sorted(values, key=len, reverse=True))


def _in_headers(headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in headers:
        if name.lower() not in _OURS:
            yield value
            yield value.rpartition(" ")[2]  # without the scheme, such as Bearer
            if name.lower() == "cookie":
                yield from (pair.partition("=")[2] for pair in re.split(r";\s*", value))


def _in_query(url: str) -> Iterator[str]:
    for pair in url.partition("?")[2].split("&"):
        value = pair.partition("=")[2]
        yield value
        yield unquote_plus(value)


def _in_proxies(proxies: Iterable[str]) -> Iterator[str]:
    for proxy in proxies:
        login = proxy.partition("://")[2] or proxy
        user, _, password = login.partition("/")[0].rpartition("@")[0].partition(":")
        if user or password:
            user, password = unquote(user), unquote(password)
            yield password or user  # a token may stand alone
            yield base64.b64encode(f"{user}:{password}".encode()).decode()
