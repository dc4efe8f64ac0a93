"""Where a request goes; without importing httpx."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a request goes, with which headers, over whose connections."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """With the key in it; over those that the transport sets itself."""
    proxy: str | None = None
    """None takes the environment's, "" none at all."""
    max_connections: int = 1000
    """Of this process to the URL's origin, and of each event loop."""
    http_client: Any = None
    """The user's own, anything with httpx's `build_request` and `send`; never closed here."""
    http_async_client: Any = None
