"""Choose the proxy of a request, and check its URL; without importing httpx."""

from __future__ import annotations

import importlib.util
import ipaddress
import urllib.request
from urllib.parse import unquote_to_bytes, urlsplit

from langchain_qwen36._transport.target import MaskedURL
from langchain_qwen36.errors import UnsupportedSettingError

_SCHEMES = ("http", "https", "socks5", "socks5h")
_PORT_DIGITS = 5
_MAX_SOCKS_LOGIN = 255
"""Most bytes of a user, and of a password (RFC 1929)."""


def parse_proxy(url: str, name: str = "proxy=") -> MaskedURL:
    """Return a proxy's URL in usable form; `host:port` is read as `http://host:port`.

    Args:
        url: The URL as the user or the environment wrote it.
        name: The setting's name, for the error.

    Raises:
        UnsupportedSettingError: The value is no URL of a proxy, or SOCKS without its package.
    """
    url = MaskedURL(url.strip() if "://" in url else f"http://{url.strip()}")
    if problem := _problem(url):
        raise UnsupportedSettingError(f"`{name}` {problem}")
    return url


def _problem(url: MaskedURL) -> str | None:
    """Return what is wrong with a proxy's URL, without quoting its password."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    scheme = url.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        return f"has the scheme {scheme!r}: choose one of {', '.join(_SCHEMES)}."
    if not has_host:
        return "is no URL of a proxy: write it as `http://user:password@host:port`."
    if scheme.startswith("socks") and any(
        len(unquote_to_bytes(text or "")) > _MAX_SOCKS_LOGIN
        for text in (parts.username, parts.password)
    ):
        return f"has a user or a password of more than {_MAX_SOCKS_LOGIN} bytes, SOCKS 5's most."
    if scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        return "names a SOCKS proxy, which needs: pip install 'langchain-qwen36[socks]'."
    return None


def proxy_for(origin: str) -> MaskedURL | None:
    """Return the proxy that the environment names for an origin, as httpx reads it.

    Raises:
        UnsupportedSettingError: the environment names no usable proxy.
    """
    found = _in_environment(origin)
    return None if found is None else parse_proxy(*found)


def _in_environment(origin: str) -> tuple[MaskedURL, str] | None:
    """Return a proxy's URL and its variable; never raise: a traceback would show other URLs."""
    scheme = urlsplit(origin).scheme
    proxies = urllib.request.getproxies()
    kind = scheme if proxies.get(scheme) else "all"
    proxy = proxies.get(kind)
    if not proxy or bypasses_proxy(origin, proxies.get("no", "")):
        return None
    return MaskedURL(proxy), f"{kind.upper()}_PROXY"


def bypasses_proxy(origin: str, no_proxy: str) -> bool:
    """Return whether `NO_PROXY` names an origin.

    A name covers itself and its subdomains, with a leading dot the subdomains only; an address
    covers itself; a port limits either to that port; a URL to its scheme, too. The rules are
    httpx's: https://www.python-httpx.org/environment_variables/#no_proxy
    """
    return any(
        item == "*" or _names(item, origin)
        for item in (item.strip().lower() for item in no_proxy.split(","))
        if item
    )


def _names(item: str, origin: str) -> bool:
    scheme, separator, rest = item.rpartition("://")
    target = urlsplit(origin)
    host = (target.hostname or "").lower()
    if separator and scheme not in ("all", target.scheme):
        return False
    name, port = _split_port(rest)
    if port is not None and port != (target.port or {"http": 80, "https": 443}[target.scheme]):
        return False
    if not separator and name != "localhost" and not _is_address(name):
        name = f"*{name}"
    if name.startswith("*."):
        return host.endswith(name[1:])
    if name.startswith("*"):
        return host == name[1:] or host.endswith(f".{name[1:]}")
    return host == name


def _split_port(text: str) -> tuple[str, int | None]:
    """Split `host:port`; an IPv6 address may lack brackets, and then has no port."""
    if text.startswith("["):
        name, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") > 1:
        return text, None
    else:
        name, _, port = text.partition(":")
    return name, int(port) if port.isdecimal() and len(port) <= _PORT_DIGITS else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
