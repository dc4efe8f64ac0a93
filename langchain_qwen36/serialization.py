"""Load a model, or a chain with one in it, from what LangChain's `dumps` wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.load import load as core_load

from langchain_qwen36.chat_models import ChatQwen36

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langchain_core.load.serializable import Serializable


def load(
    dumped: str | Mapping[str, Any],
    *,
    also: Iterable[type[Serializable]] = (),
    secrets: Mapping[str, str] | None = None,
) -> Any:
    """Load the object that `dumps(model)` or `dumpd(model)` described.

    LangChain's own `loads` knows a fixed list of classes without ours
    (docs/quirks.md#loading-dumped-models). Keys are never dumped: the new model reads its gateway's
    variable, as any other does. Headers, queries, proxies and HTTP clients are not dumped either;
    set those anew with `model_copy`.

    Args:
        dumped: The text, or the dict.
        also: The other classes in the dump, such as those of a prompt and a chain. Only classes
            that are named are built: a dump is a program, so load none that you did not write.
        secrets: Keys by the name of their variable, for those not in the environment.

    Raises:
        ValueError: a class that is not allowed.
        NotImplementedError: a setting that was an object, such as `Timeouts(...)` or
            `Gateway(...)`: give seconds and a gateway's name in models that are to be dumped.
    """
    allowed: list[type[Serializable]] = [ChatQwen36, *also]
    return core_load(
        json.loads(dumped) if isinstance(dumped, str) else dumped,
        allowed_objects=allowed,
        secrets_map=dict(secrets or {}),
        valid_namespaces=[ChatQwen36.__module__.partition(".")[0]],
    )
