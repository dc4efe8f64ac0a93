"""Choose the gateway's row, its base URL and its key."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from langchain_qwen36._logging import logger_for
from langchain_qwen36.errors import MissingKeyError, UnsupportedSettingError, nearest
from langchain_qwen36.gateways.gateway import Gateway
from langchain_qwen36.gateways.registry import GATEWAYS, OPENAI_COMPATIBLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logger_for(__name__)


_ALSO_CALLED: Mapping[str, str] = {
    **dict.fromkeys(("alibaba", "aliyun", "alibabacloud", "bailian", "百炼"), "dashscope"),
    **dict.fromkeys(("tongyi", "qwen", "qwen36", "qwq", "modelstudio"), "dashscope"),
    "openai": "openai-compatible",
}
"""A row's name, by what else a gateway is called, without dashes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A gateway, its base URL and its key."""

    gateway: Gateway
    """The gateway's row."""
    base_url: str | None
    """The base URL; None for the embedded engine, which is started on first use."""
    key: str | None = field(repr=False)
    """The key found in the environment; None if there is none or the caller passed one."""
    check: Callable[[], None] | None = None
    """Called when a connection fails; raises if the server is ours and known to be dead."""


@lru_cache(maxsize=256)
def gateway_of_host(base_url: str) -> Gateway | None:
    """Return the gateway that a URL's host belongs to, or None; a full name before an ending."""
    host = (urlsplit(base_url).hostname or "").rstrip(".")
    for gateway in GATEWAYS.values():
        if host in gateway.hosts:
            return gateway
    for gateway in GATEWAYS.values():
        if any(end.startswith(".") and host.endswith(end) for end in gateway.hosts):
            return gateway
    return None


def select_endpoint(
    gateway: str | Gateway | None,
    base_url: str | None,
    *,
    has_key: bool,
    env: Mapping[str, str] | None = None,
) -> Endpoint:
    """Choose the gateway, its base URL and its key.

    The first of these decides: the gateway's name, the host of `base_url`, `QWEN36_GATEWAY`, the
    first key that is set.

    Args:
        gateway: A row's name, or a row; None: choose one.
        base_url: The caller's URL, or None for the row's variable or default.
        has_key: Whether the caller passes a key; no variable is read then.
        env: The environment; `os.environ` when None.

    Raises:
        MissingKeyError: no gateway could be found, or the gateway's key is not set, or a key
            from a variable would go to another known gateway.
        UnsupportedSettingError: no such gateway, its base URL must be given, or holds a password.
    """
    env = os.environ if env is None else env
    base_url = base_url.strip() if base_url else base_url  # a file's line ends with a newline
    row = _row(gateway, base_url, env, has_key=has_key)
    url = base_url or _first(env, row.base_url_env) or row.base_url
    if url and not isinstance(gateway, Gateway):
        row = _gateway_of_url(row, url, named=gateway is not None)
    if url and not url.startswith(("http://", "https://")):
        raise UnsupportedSettingError(f"`base_url={url!r}` must begin with http:// or https://.")
    if url and "@" in urlsplit(url).netloc:
        # It would not be sent, and the URL appears in traces.
        raise UnsupportedSettingError(
            "`base_url` holds a user or a password: pass `default_headers=` with an "
            "`authorization` of yours instead."
        )
    if not url and not row.embedded:
        raise UnsupportedSettingError(
            f"`gateway={row.name!r}` has no address of its own: pass `base_url=` or set "
            f"{_env_names(row.base_url_env)}."
        )
    key = None if has_key else _first(env, row.key_env)
    if key and url:
        _refuse_foreign_key(row, url)
    if row.needs_key and not has_key and not key:
        raise MissingKeyError(
            f"No key for `gateway={row.name!r}`: set {_env_names(row.key_env)} or pass `api_key=`. "
            'Without a key, `ChatQwen36(gateway="local")` runs a small model on this machine.'
        )
    return Endpoint(gateway=row, base_url=_trimmed(url) if url else None, key=key)


def _gateway_of_url(row: Gateway, url: str, *, named: bool) -> Gateway:
    """Return the row that a URL belongs to; a named row is replaced only by its own other regions.

    See docs/quirks.md#currencies.
    """
    owner = gateway_of_host(url)
    if owner is None or (named and not set(owner.key_env) & set(row.key_env)):
        return row
    return owner


def _trimmed(url: str) -> str:
    return url.rstrip("/").removesuffix("/chat/completions").rstrip("/")


def _row(
    gateway: str | Gateway | None, base_url: str | None, env: Mapping[str, str], *, has_key: bool
) -> Gateway:
    if isinstance(gateway, Gateway):
        return gateway
    if gateway is not None:
        return _named(gateway, "gateway")
    if base_url is not None:
        return gateway_of_host(base_url) or OPENAI_COMPATIBLE
    if name := _first(env, ("QWEN36_GATEWAY",)):
        return _named(name, "QWEN36_GATEWAY")
    for row in GATEWAYS.values():
        keys = row.key_env if row.found_by_key else ()
        if variable := next((name for name in keys if _first(env, (name,))), None):
            logger.info("Gateway %r was chosen because %s is set.", row.name, variable)
            return row
    if has_key:
        names = ", ".join(row.name for row in GATEWAYS.values() if row.needs_key and row.base_url)
        raise MissingKeyError(
            "`api_key=` was given, but not whose key it is: pass `gateway=` (one of "
            f"{names}), or `base_url=` of your own server."
        )
    variables = dict.fromkeys(
        row.key_env[0] for row in GATEWAYS.values() if row.needs_key and row.found_by_key
    )
    raise MissingKeyError(
        "No gateway was named and no key is set. Set one of "
        f"{', '.join(variables)}, or pass `base_url=` of your own server, or "
        '`gateway="local"` to run a small model on this machine without a key; '
        "`QWEN36_GATEWAY=local` does the same for a program as it stands."
    )


def _named(name: str, where: str) -> Gateway:
    try:
        return GATEWAYS[name]
    except KeyError:
        also = _ALSO_CALLED.get(name.lower().replace("-", "").replace("_", ""))
        found = [also] if also else nearest(name, GATEWAYS, likeness=0.6)
        close = [repr(known) for known in found]
        guess = f" Did you mean {' or '.join(close)}?" if close else ""
        raise UnsupportedSettingError(
            f"{where}={name!r} is not known.{guess} It is one of "
            f"{', '.join(GATEWAYS)}, or a `Gateway(...)`."
        ) from None


def _refuse_foreign_key(row: Gateway, url: str) -> None:
    owner = gateway_of_host(url)
    if owner is not None and not set(owner.key_env) & set(row.key_env):
        raise MissingKeyError(
            f"The key of `gateway={row.name!r}` (from {_env_names(row.key_env)}) is not sent to "
            f"`base_url={url!r}`, which is {owner.name!r}: drop one of the two, or pass `api_key=`."
        )


def _first(env: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := env.get(name, "").strip())), None)


def _env_names(names: tuple[str, ...]) -> str:
    return " or ".join(names) or "no variable"
