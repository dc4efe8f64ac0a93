"""The commands that start the servers, as a reader of docs/own-server.md writes them.

One source for the page and the tests: `test_start_commands.py` holds the page to them.
"""

from __future__ import annotations

import shlex
from typing import Any

MODEL = "Qwen/Qwen3.6-27B"
"""The name under which every server serves the scripted model."""

VLLM_XML = (
    f"vllm serve {MODEL} --reasoning-parser qwen3 "
    "--enable-auto-tool-choice --tool-call-parser qwen3_coder"
)
VLLM_HERMES = (
    "vllm serve Qwen/Qwen3-8B --reasoning-parser qwen3 "
    "--enable-auto-tool-choice --tool-call-parser hermes"
)
TRANSFORMERS = "transformers serve Qwen/Qwen3-8B"
LITELLM = "litellm --config config.yaml"

COMMANDS = (VLLM_XML, VLLM_HERMES, TRANSFORMERS, LITELLM)


def command_of(shown: str, model: str, *options: str) -> list[str]:
    """Return a shown command's words with another model, and a test's own options behind them."""
    program, *words = shlex.split(shown)
    return [program, *(model if word.startswith("Qwen/") else word for word in words), *options]


def litellm_config(base_url: str, api_key: str, master_key: str) -> dict[str, Any]:
    """Describe a server of our own to LiteLLM's proxy, as its `config.yaml` does."""
    upstream = {"model": f"openai/{MODEL}", "api_base": base_url, "api_key": api_key}
    return {
        "model_list": [{"model_name": MODEL, "litellm_params": upstream}],
        "general_settings": {"master_key": master_key},
        "litellm_settings": {"num_retries": 0},
    }
