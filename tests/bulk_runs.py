"""Bulk runs in tests: a model at a gateway of this machine, files of rows, runs to be killed."""

from __future__ import annotations

import json
import multiprocessing
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import forked
from loopback import LoopbackGateway

from langchain_qwen36 import ChatQwen36, bulk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loopback.batch import BatchGateway

PROMPT = "Say {text}"


def model_at(url: str, key: str, **settings: Any) -> ChatQwen36:
    """Return a model at a gateway of this machine."""
    usual: dict[str, Any] = {
        "model": "qwen3.6-flash",
        "gateway": "dashscope",
        "enable_thinking": False,
        "base_url": url,
        "api_key": key,
    }
    return ChatQwen36(**{**usual, **settings})


def model_of(server: LoopbackGateway | BatchGateway, /, **settings: Any) -> ChatQwen36:
    """Return a model at a server."""
    return model_at(server.base_url, server.key, **settings)


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read rows of JSONL."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def numbered(count: int) -> list[dict[str, Any]]:
    """Return so many rows with ids of their own."""
    return [{"id": f"r{n}", "text": f"number {n}"} for n in range(count)]


def run_file(url: str, key: str, source: str, output: str, settings: dict[str, Any]) -> None:
    """Run a file in a process of its own, which a test may kill."""
    bulk.run(model_at(url, key), source, output=output, prompt=PROMPT, progress=False, **settings)


def start_run(
    server: LoopbackGateway, source: Path, output: Path, **settings: Any
) -> multiprocessing.Process:
    """Start `run_file` in a process of its own."""
    return forked.start(run_file, server.base_url, server.key, str(source), str(output), settings)


def serve(pipe: Any, row: str) -> None:
    """Serve a gateway in a process of its own; its CPU is then not the client's."""
    with LoopbackGateway(row) as server:
        pipe.send((server.base_url, server.key))
        pipe.recv()
        pipe.send(len(server.requests))


@contextmanager
def served_elsewhere(row: str = "dashscope") -> Iterator[tuple[str, str]]:
    """Give URL and key of a gateway that another process serves."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, row))
    process.start()
    yield ours.recv()
    ours.send("end")
    ours.recv()
    process.join()
