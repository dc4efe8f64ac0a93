"""The scripted model as the embedded engine's, for tests that are not about the tiny one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scripted import ScriptedModel, save_gguf

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def scripted_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the scripted model: what it writes is known to the token."""
    return save_gguf(ScriptedModel("xml"), tmp_path_factory.mktemp("gguf") / "Qwen3.6-27B.gguf")


@pytest.fixture
def _scripted_engine(
    _no_settings_from_outside: None, monkeypatch: pytest.MonkeyPatch, scripted_gguf: Path
) -> None:
    """Let `gateway="local"` run the scripted model."""
    monkeypatch.setenv("QWEN36_GGUF", str(scripted_gguf))
