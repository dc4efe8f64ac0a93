"""LangChain's standard unit tests."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_qwen36 import GATEWAYS, ChatQwen36
from langchain_qwen36.gateways import Endpoint

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

PATH = ("langchain_qwen36", "chat_models", "ChatQwen36")


class TestUnit(ChatModelUnitTests):
    """All of them, none skipped."""

    @pytest.fixture(autouse=True)
    def _readable_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """`loads(allowed_objects="all")` knows a fixed list of classes, and no others."""
        load = import_module("langchain_core.load.load")
        monkeypatch.setitem(load.ALL_SERIALIZABLE_MAPPINGS, PATH, PATH)
        monkeypatch.setattr(load, "_default_class_paths_cache", {})

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        """Ours."""
        return ChatQwen36

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """No more than a user says."""
        return {"model": "qwen3.6-plus", "gateway": "dashscope", "api_key": "test"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        """The variable is found, and chooses the gateway."""
        row = GATEWAYS["dashscope"]
        found = Endpoint(gateway=row, base_url=row.base_url, key="from-env")
        env = {"DASHSCOPE_API_KEY": "from-env"}
        return env, {"model": "qwen3.6-plus"}, {"_endpoint": found, "model": "qwen3.6-plus"}
