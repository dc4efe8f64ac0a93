"""LangChain's integration suite over the embedded engine: what a tiny model can do."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_qwen36 import ChatQwen36

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(300)]


class TestEngine(ChatModelIntegrationTests):
    """Sockets, streams, usage, histories and schemas are the real server's."""

    @property
    def chat_model_class(self) -> type[ChatQwen36]:
        """Ours."""
        return ChatQwen36

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """Short answers, no thoughts: the suite asks some fifty questions."""
        return {"gateway": "local", "temperature": 0, "enable_thinking": False, "max_tokens": 64}

    @property
    def has_structured_output(self) -> bool:
        """The suite asks for a joke, which the tiny model tells for as long as it may."""
        return False
