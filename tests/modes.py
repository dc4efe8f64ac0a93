"""Both ways of calling: a method, or its async twin."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

Mode = Literal["sync", "async"]


def called(mode: Mode, target: Any, method: str, *args: Any) -> Any:
    """Call a method, or its async twin on a loop of its own."""
    if mode == "sync":
        return getattr(target, method)(*args)
    return asyncio.run(getattr(target, f"a{method}")(*args))
