"""Where a model's calls go: the chosen gateway, or the embedded engine, started on first use."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from langchain_qwen36.gateways import select_endpoint

if TYPE_CHECKING:
    from langchain_qwen36._model.fields import QwenFields
    from langchain_qwen36.gateways import Endpoint


def find(fields: QwenFields) -> Endpoint:
    """Choose the gateway, its address and its key (DESIGN §4.4).

    Raises:
        MissingKeyError: no gateway can be chosen, or its key is not set.
        UnsupportedSettingError: an unknown gateway, or one without an address.
    """
    return select_endpoint(fields.gateway, fields.base_url, has_key=fields.api_key is not None)


def started(endpoint: Endpoint) -> Endpoint:
    """The endpoint with an address; the embedded engine is started if it does not run.

    Raises:
        EngineError: the engine cannot start.
    """
    if not endpoint.gateway.embedded or endpoint.base_url is not None:
        return endpoint
    from langchain_qwen36.local import shared_engine  # noqa: PLC0415  # the extra `local`

    engine = shared_engine()
    key = engine.api_key.get_secret_value()
    return replace(endpoint, base_url=engine.base_url, key=key, check=engine.check)
