"""The real servers: how each is started, and which gateway row is meant to fit it."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import httpx
from installed import litellm_python, vllm_python
from scripted_gguf import save_gguf
from scripted_model import CONTEXT, ScriptedModel
from server_process import API_KEY, RunningServer, free_port, running

from langchain_qwen36.local import LocalEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from scripts import ToolFormat

MODEL = "Qwen/Qwen3.6-27B"
"""The name under which every server serves the scripted model."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a running server answers, with what key, and what it writes."""

    base_url: str
    api_key: str
    log: Callable[[], str]
    model: str = MODEL
    has_aborted: Callable[[], bool] | None = None
    """Whether a request was ended before its answer was; None: the server does not tell."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server and its options."""

    title: str
    """What ran, with the version and the options that matter."""
    gateway: str
    """The row of ours that is tested on it."""
    start: Callable[[Path], AbstractContextManager[Endpoint]]
    """Start it with files in a folder."""


@contextmanager
def _vllm(folder: Path, tool_format: ToolFormat, parser: str) -> Iterator[Endpoint]:
    model, port = ScriptedModel(tool_format).save(folder / "model"), free_port()
    command = [str(vllm_python()), "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(model), "--served-model-name", MODEL]
    command += ["--host", "127.0.0.1", "--port", str(port), "--api-key", API_KEY]
    command += ["--enforce-eager", "--dtype", "float32", "--max-num-seqs", "8"]
    command += ["--max-model-len", str(CONTEXT), "--reasoning-parser", "qwen3"]
    command += ["--enable-auto-tool-choice", "--tool-call-parser", parser]
    environment = {
        "VLLM_TARGET_DEVICE": "cpu",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_HOST_IP": "127.0.0.1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
    }
    with running(command, port, folder / "log", environment) as server:
        metrics = f"http://127.0.0.1:{port}/metrics"
        aborted = re.compile(r'vllm:request_success_total{.*finished_reason="abort".*} [1-9]')
        yield replace(
            _endpoint(server), has_aborted=lambda: bool(aborted.search(httpx.get(metrics).text))
        )


@contextmanager
def _transformers(folder: Path) -> Iterator[Endpoint]:
    model, port = ScriptedModel("hermes").save(folder / "Qwen3.6-27B"), free_port()
    command = [str(vllm_python().with_name("transformers")), "serve", str(model)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    (cache := folder / "hub").mkdir()  # /v1/models lists what is in it
    environment = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}
    with running(command, port, folder / "log", environment) as server:
        # It serves one model, under the path that it was started with.
        yield replace(_endpoint(server), model=str(model))


@contextmanager
def _llamacpp(folder: Path, tool_format: ToolFormat) -> Iterator[Endpoint]:
    gguf = save_gguf(ScriptedModel(tool_format), folder / "scripted.gguf")
    with LocalEngine(gguf, context_tokens=CONTEXT, threads=1) as engine:
        key = engine.api_key.get_secret_value()
        yield Endpoint(
            base_url=engine.base_url,
            api_key=key,
            log=engine.log_tail,
            has_aborted=lambda: "cancel task" in engine.log_tail(),
        )


@contextmanager
def _litellm(folder: Path) -> Iterator[Endpoint]:
    """LiteLLM's proxy in front of llama.cpp's server, as a gateway."""
    (folder / "engine").mkdir()
    with _llamacpp(folder / "engine", "xml") as engine:
        upstream = {
            "model": f"openai/{MODEL}", "api_base": engine.base_url, "api_key": engine.api_key,
        }  # fmt: skip
        config = {
            "model_list": [{"model_name": MODEL, "litellm_params": upstream}],
            "general_settings": {"master_key": API_KEY},
            "litellm_settings": {"num_retries": 0},
        }
        (folder / "config.yaml").write_text(json.dumps(config), "utf-8")  # YAML reads JSON
        port = free_port()
        command = [
            str(litellm_python().with_name("litellm")),
            "--config",
            str(folder / "config.yaml"),
        ]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        with running(command, port, folder / "log", {"LITELLM_TELEMETRY": "False"}) as server:
            yield replace(_endpoint(server), has_aborted=engine.has_aborted)


def _endpoint(server: RunningServer) -> Endpoint:
    return Endpoint(base_url=server.base_url, api_key=API_KEY, log=server.log_tail)


SERVERS = {
    "llamacpp-xml": Server(
        title="llama.cpp (xllamacpp), Qwen3-Coder's template",
        gateway="llamacpp",
        start=partial(_llamacpp, tool_format="xml"),
    ),
    "llamacpp-hermes": Server(
        title="llama.cpp (xllamacpp), Qwen3's template",
        gateway="llamacpp",
        start=partial(_llamacpp, tool_format="hermes"),
    ),
    "vllm-xml": Server(
        title="vLLM 0.32.0, --tool-call-parser qwen3_coder",
        gateway="vllm",
        start=partial(_vllm, tool_format="xml", parser="qwen3_coder"),
    ),
    "vllm-hermes": Server(
        title="vLLM 0.32.0, --tool-call-parser hermes",
        gateway="vllm",
        start=partial(_vllm, tool_format="hermes", parser="hermes"),
    ),
    "transformers": Server(title="transformers serve", gateway="vllm", start=_transformers),
    "litellm": Server(
        title="LiteLLM's proxy before llama.cpp", gateway="openai-compatible", start=_litellm
    ),
}
