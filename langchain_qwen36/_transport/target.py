"""Describe where a request goes; without importing httpx."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class MaskedURL(str):
    """A URL whose `repr` leaves out user, password and query.

    Crash reporters copy the locals of frames by their `repr`.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Show the URL as errors show it."""
        return repr(display_url(self))


@lru_cache(maxsize=64)
def display_url(url: str, proxy: str | None = None) -> str:
    """Return a URL without its query and user, as messages quote it, and the proxy on the way."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("?")[0].partition("/")
    shown = f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"
    return shown if proxy is None else f"{shown} through the proxy {display_url(proxy)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The URL, headers and connections of a request."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The request's headers, including the key; they win over the transport's own."""
    method: str = "POST"
    proxy: str | None = None
    """URL of a proxy; None: the environment's; "": no proxy."""
    max_connections: int = 1000
    """Most connections of this process to the URL's origin, and of each event loop."""
    new_connection: bool = False
    """Whether the request needs a new connection: where a kept one dies, the request is sent a
    second time, which must not happen to one that creates something."""
    is_foreign: bool = False
    """Whether the host is not the gateway's: no default header, cookie or `auth` of the user's own
    client is sent there, since one may be the gateway's key."""
    http_client: Any = None
    """The user's own client: anything with httpx's `build_request` and `send`; never closed
    here."""
    http_async_client: Any = None

    def __post_init__(self) -> None:
        """Mask the URLs for `repr`."""
        object.__setattr__(self, "url", MaskedURL(self.url))
        if self.proxy is not None:
            object.__setattr__(self, "proxy", MaskedURL(self.proxy))
