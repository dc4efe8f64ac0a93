"""LangChain's own suites for embeddings, against a gateway of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests
from loopback import LoopbackGateway

from langchain_qwen36.embeddings import QwenEmbeddings

if TYPE_CHECKING:
    from collections.abc import Iterator


class TestUnit(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[QwenEmbeddings]:
        """Name the class under test."""
        return QwenEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        """Give its settings."""
        return {"gateway": "dashscope", "api_key": "sk-0123456789"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        """Give variables, settings, and what they make."""
        return {"DASHSCOPE_API_KEY": "sk-0123456789"}, {}, {"model": "text-embedding-v4"}


class TestIntegration(EmbeddingsIntegrationTests):
    @pytest.fixture(autouse=True)
    def _gateway(self) -> Iterator[None]:
        with LoopbackGateway("dashscope") as server:
            self.server = server
            yield

    @property
    def embeddings_class(self) -> type[QwenEmbeddings]:
        """Name the class under test."""
        return QwenEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        """Give its settings."""
        return {
            "gateway": "dashscope",
            "base_url": self.server.base_url,
            "api_key": self.server.key,
        }
