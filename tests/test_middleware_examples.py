"""The examples run as they stand, from a key in the environment, on a gateway of ours."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

FOLDER = Path(__file__).parents[1] / "examples"
SHOWN = {
    "cost_budget": "The budget of 0.000001 USD is spent",
    "tier_guard": "'action': 'trim', 'bound': 256000",
    "model_router": "{'rule': 'hard reasoning', 'model': 'qwen3.6-max-preview'}",
    "prompt_caching": "'saved': '0.001",
    "tool_call_repair": "again with one shorter JSON object",
}


def test_every_example_is_run() -> None:
    """A new one needs its line above, and stays short."""
    found = sorted(FOLDER.glob("middleware_*.py"))
    assert {path.stem.removeprefix("middleware_") for path in found} == set(SHOWN)
    assert max(len(path.read_text().splitlines()) for path in found) < 60


@pytest.mark.parametrize("name", SHOWN)
def test_an_example_shows_what_it_is_for(
    gateway_server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    """Its output has the line that matters."""
    server = gateway_server("dashscope-intl")
    monkeypatch.setenv("QWEN36_GATEWAY", "dashscope-intl")
    monkeypatch.setenv("DASHSCOPE_API_KEY", server.key)
    monkeypatch.setenv("DASHSCOPE_BASE_URL", server.base_url)
    runpy.run_path(str(FOLDER / f"middleware_{name}.py"), run_name="__main__")
    assert SHOWN[name] in capsys.readouterr().out
