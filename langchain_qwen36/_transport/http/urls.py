"""Parse request URLs, and follow redirects within the origin."""

from __future__ import annotations

import functools
import ipaddress
import warnings
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import httpcore
import httpx

from langchain_qwen36._transport.http import connections as clients
from langchain_qwen36._transport.http.connections import PoolKey
from langchain_qwen36._transport.http.exceptions import display_url
from langchain_qwen36._user_line import user_line
from langchain_qwen36.errors import InvalidRequestError, UnexpectedResponseError

if TYPE_CHECKING:
    from langchain_qwen36._transport.http.response import OpenResponse
    from langchain_qwen36._transport.target import Target

_MAX_REDIRECTS = 3
_SAME_METHOD = (307, 308)
_REDIRECTS = (301, 302, 303, *_SAME_METHOD)


class RequestURL(NamedTuple):
    """A URL and its parts."""

    url: httpx.URL
    wire_url: httpcore.URL
    """The same as a pool takes it."""
    origin: str
    hops: int = 0
    """Number of redirects that led here."""

    @classmethod
    def of(cls, url: httpx.URL, hops: int = 0) -> RequestURL:
        """Take a URL apart."""
        scheme, host, path = url.raw_scheme, url.raw_host, url.raw_path
        wire_url = httpcore.URL(scheme=scheme, host=host, port=url.port, target=path)
        return cls(url, wire_url, f"{url.scheme}://{url.netloc.decode('ascii')}", hops)

    def __repr__(self) -> str:
        """Leave out the query, which may hold a key."""
        return f"RequestURL({display_url(str(self.url))!r}, hops={self.hops})"


@functools.lru_cache(maxsize=256)
def parse_url(url: str) -> RequestURL:
    """Parse a URL."""
    shown = display_url(url)
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidRequestError(f"{shown!r} is no URL: {error}.") from None
    # Not `host`: it decodes IDNA, and raises where a server's own name is no valid one.
    if parsed.scheme not in ("http", "https") or not parsed.raw_host:
        raise InvalidRequestError(f"{shown!r}: a URL begins with https:// or http:// and a host.")
    return RequestURL.of(parsed)


def pool_key(target: Target, address: RequestURL) -> PoolKey:
    """Return the key of the connections that serve this target."""
    return PoolKey(address.origin, target.proxy, target.max_connections)


def describe_target(target: Target) -> str:
    """Return the address as errors show it, with the proxy on the way."""
    if target.http_client is not None or target.http_async_client is not None:
        return display_url(target.url)
    return display_url(target.url, clients.proxy_of(pool_key(target, parse_url(target.url))))


def redirect(response: OpenResponse, address: RequestURL) -> RequestURL | None:
    """Return the URL to which a response redirects, if any."""
    if response.status not in _REDIRECTS:
        return None
    try:
        return RequestURL.of(address.url.join(response.headers["location"]), address.hops + 1)
    except (KeyError, httpx.InvalidURL):
        return None


def follow_redirect(there: RequestURL, address: RequestURL, status: int) -> RequestURL:
    """Follow a redirect that stays at the origin: the key must go nowhere else."""
    if status in _SAME_METHOD and there.origin == address.origin and address.hops < _MAX_REDIRECTS:
        return there
    raise UnexpectedResponseError(
        f"{display_url(str(address.url))} redirects to {display_url(str(there.url))}, where "
        "neither the request nor the key is sent: if that is right, set `base_url=` to it.",
        status_code=status,
        is_retryable=False,
    )


@functools.cache
def warn_of_plain_http(origin: str) -> None:
    """Warn once that a key crosses the open network unencrypted."""
    if origin.startswith("http:") and is_public(urlsplit(origin).hostname or ""):
        line = user_line()
        text = f"The key goes to {origin} unencrypted: use https."
        warnings.warn_explicit(text, UserWarning, *line[:2], module=line.module)


def is_public(host: str) -> bool:
    """Return whether the route to this host leaves the local network."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        # A name without a dot, or of a private zone, is resolved on the local network only.
        return "." in host and not host.endswith((".local", ".internal", ".localhost", ".lan"))
