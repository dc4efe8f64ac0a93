"""The real servers: how each is started, and which gateway row is meant to fit it."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import httpx
from commands import (
    LITELLM,
    MODEL,
    TRANSFORMERS,
    VLLM_HERMES,
    VLLM_XML,
    command_of,
    litellm_config,
)
from installed import litellm_python, vllm_python
from scripted import CONTEXT, ScriptedModel, save_gguf
from server_process import API_KEY, RunningServer, free_port, running

from langchain_qwen36.local import LocalEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from scripted import ToolFormat

VLLM_OPTIONS = (
    *("--served-model-name", MODEL, "--api-key", API_KEY, "--host", "127.0.0.1"),
    *("--max-model-len", str(CONTEXT), "--max-num-seqs", "8"),
    *("--enforce-eager", "--dtype", "float32"),
)
"""A test's own: the scripted model on a CPU, in float32, for its margins, without compilation."""
VLLM_ENVIRONMENT = {
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    # A core of its own may be the one that others use.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    # Else the first request for logprobs compiles a function of C++, which takes 8 to 25 s.
    "TORCHDYNAMO_DISABLE": "1",
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
}


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
    """What runs, with the options that matter."""
    gateway: str
    """The row of ours that is tested on it."""
    version: Callable[[], str]
    """The version that is installed."""
    start: Callable[[Path], AbstractContextManager[Endpoint]]
    """Start it with files in a folder."""


@contextmanager
def _vllm(folder: Path, tool_format: ToolFormat, shown: str) -> Iterator[Endpoint]:
    model, port = ScriptedModel(tool_format).save(folder / "model"), free_port()
    command = command_of(shown, str(model), "--port", str(port), *VLLM_OPTIONS)
    command[0] = str(vllm_python().with_name("vllm"))
    with running(command, port, folder / "log", VLLM_ENVIRONMENT) as server:
        yield replace(_endpoint(server), has_aborted=lambda: _vllm_has_aborted(server))


def _vllm_has_aborted(server: RunningServer) -> bool:
    """Return whether nothing runs, and fewer requests came to their end than have begun to answer."""
    text = httpx.get(server.base_url.removesuffix("/v1") + "/metrics").text

    def total(name: str) -> float:
        return sum(map(float, re.findall(rf"^vllm:{name}{{.*}} (\S+)$", text, re.MULTILINE)))

    begun, ended = total("time_to_first_token_seconds_count"), total("request_success_total")
    return total("num_requests_running") == 0 and begun > ended


@contextmanager
def _transformers(folder: Path) -> Iterator[Endpoint]:
    model, port = ScriptedModel("hermes").save(folder / "Qwen3-8B"), free_port()
    options = ("--port", str(port), "--host", "127.0.0.1", "--device", "cpu", "--dtype", "float32")
    command = command_of(TRANSFORMERS, str(model), *options)
    command[0] = str(vllm_python().with_name("transformers"))
    (cache := folder / "hub").mkdir()  # /v1/models lists what is in it
    # Two threads of OpenMP spin against each other on a busy machine: each request took 3 to 10
    # times as long, and a client that left waited for its own requests, which run one by one.
    environment = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    with running(command, port, folder / "log", environment) as server:
        # It serves one model, under the path that it was started with.
        yield replace(_endpoint(server), model=str(model))


@contextmanager
def _llamacpp(folder: Path, tool_format: ToolFormat) -> Iterator[Endpoint]:
    gguf = save_gguf(ScriptedModel(tool_format), folder / "Qwen3.6-27B.gguf")
    with LocalEngine(gguf, context_tokens=CONTEXT, threads=1) as engine:
        yield Endpoint(
            base_url=engine.base_url,
            api_key=engine.api_key.get_secret_value(),
            log=engine.log_tail,
            model=gguf.stem,
            has_aborted=lambda: "cancel task" in engine.log_tail(),
        )


@contextmanager
def _litellm(folder: Path) -> Iterator[Endpoint]:
    """LiteLLM's proxy in front of llama.cpp's server, as a gateway."""
    (folder / "engine").mkdir()
    with _llamacpp(folder / "engine", "xml") as engine:
        config = litellm_config(engine.base_url, engine.api_key, API_KEY)
        path, port = folder / "config.yaml", free_port()
        path.write_text(json.dumps(config), "utf-8")  # YAML reads JSON
        program, option, _ = LITELLM.split()
        command = [str(litellm_python().with_name(program)), option, str(path)]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        with running(command, port, folder / "log", {"LITELLM_TELEMETRY": "False"}) as server:
            yield replace(_endpoint(server), has_aborted=engine.has_aborted)


def _endpoint(server: RunningServer) -> Endpoint:
    return Endpoint(base_url=server.base_url, api_key=API_KEY, log=server.log_tail)


def _version(python: Callable[[], Path], package: str) -> str:
    program = f"import importlib.metadata as m; print(m.version({package!r}))"
    command = [str(python()), "-c", program]
    done = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603
    return f"{package} {done.stdout.strip()}"


def _engine_version() -> str:
    return f"xllamacpp {importlib.metadata.version('xllamacpp')}"


SERVERS = {
    "vllm-xml": Server(
        title="vLLM, `--tool-call-parser qwen3_coder`",
        gateway="vllm",
        version=partial(_version, vllm_python, "vllm-cpu"),
        start=partial(_vllm, tool_format="xml", shown=VLLM_XML),
    ),
    "litellm": Server(
        title="LiteLLM's proxy before llama.cpp",
        gateway="openai-compatible",
        version=partial(_version, litellm_python, "litellm"),
        start=_litellm,
    ),
    "vllm-hermes": Server(
        title="vLLM, `--tool-call-parser hermes`",
        gateway="vllm",
        version=partial(_version, vllm_python, "vllm-cpu"),
        start=partial(_vllm, tool_format="hermes", shown=VLLM_HERMES),
    ),
    "transformers": Server(
        title="`transformers serve`",
        gateway="vllm",
        version=partial(_version, vllm_python, "transformers"),
        start=_transformers,
    ),
    "llamacpp-xml": Server(
        title="llama.cpp, a model with Qwen3-Coder's template",
        gateway="llamacpp",
        version=_engine_version,
        start=partial(_llamacpp, tool_format="xml"),
    ),
    "llamacpp-hermes": Server(
        title="llama.cpp, a model with Qwen3's template",
        gateway="llamacpp",
        version=_engine_version,
        start=partial(_llamacpp, tool_format="hermes"),
    ),
}
"""In the order in which two workers take them: what is installed for the first two, side by side."""
