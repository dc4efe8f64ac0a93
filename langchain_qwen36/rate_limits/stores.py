"""Open storages, each once in a process, so that limiters of one key share its log."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from langchain_qwen36.rate_limits.memory_store import MemoryStore
from langchain_qwen36.rate_limits.redis_store import RedisStore

if TYPE_CHECKING:
    from pydantic import SecretStr

    from langchain_qwen36.rate_limits.store import Limits, Store

_REDIS = ("redis", "rediss", "unix")

_lock = threading.Lock()
_in_memory: dict[tuple[str, float], MemoryStore] = {}
_in_redis: dict[SecretStr, RedisStore] = {}


def open_store(url: SecretStr, limits: Limits) -> Store:
    """Return the store at a URL; connects to nothing yet.

    Raises:
        ImportError: The storage needs the extra `limits`, which is not installed.
        ValueError: There is no such storage.
    """
    scheme = scheme_of(url)
    if scheme not in ("memory", *_REDIS):
        raise ValueError(
            f"`storage` has the scheme {scheme!r}: choose 'memory://', 'redis://host:6379/0', "
            "'rediss://…' or 'unix://…'."
        )
    with _lock:
        if scheme == "memory":
            return _in_memory.setdefault((limits.key, limits.seconds), MemoryStore())
        if url not in _in_redis:
            _in_redis[url] = RedisStore(url)
        return _in_redis[url]


def scheme_of(url: SecretStr) -> str:
    """Return the part before `://`, which holds no secret; "" if there is none."""
    scheme = re.match(r"([a-z+]+)://", url.get_secret_value())
    return scheme[1] if scheme else ""


def forget() -> None:
    """Drop all stores in a forked child, so that they are opened again."""
    global _lock  # noqa: PLW0603, another thread may have held it at the fork
    _lock = threading.Lock()
    _in_memory.clear()
    _kept_open.append(dict(_in_redis))
    _in_redis.clear()


_kept_open: list[object] = []
"""The parent's stores in a forked child, kept so that none of their connections is closed."""
