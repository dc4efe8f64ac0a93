"""LangChain's integration suite over the embedded engine, on a model that plays its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from scripted import ScriptedModel, save_gguf, standard_scripts

from langchain_qwen36 import ChatQwen36

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine


@pytest.fixture(scope="session")
def standard_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a scripted model that knows the suite's questions."""
    model = ScriptedModel("xml", standard_scripts)
    return save_gguf(model, tmp_path_factory.mktemp("standard") / "Qwen3.6-27B.gguf")


class TestEngine(ChatModelIntegrationTests):
    """Sockets, streams, histories, schemas, tool calls and grammars are the real server's."""

    @pytest.fixture(autouse=True)
    def _engine(
        self,
        _no_settings_from_outside: None,
        monkeypatch: pytest.MonkeyPatch,
        standard_gguf: Path,
    ) -> None:
        """Let `gateway="local"` run the scripted model."""
        monkeypatch.setenv("QWEN36_GGUF", str(standard_gguf))

    @property
    def chat_model_class(self) -> type[ChatQwen36]:
        """Ours."""
        return ChatQwen36

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """No thoughts: the scripts have none."""
        return {"gateway": "local", "temperature": 0, "enable_thinking": False, "max_tokens": 64}

    @property
    def supports_json_mode(self) -> bool:
        """By a grammar of the server's."""
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        """Anthropic's tool blocks in a history are read as tool calls."""
        return True
