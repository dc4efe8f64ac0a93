"""The recorded bodies of real endpoints, sent again over a real socket, and read without our code.

They stand beside the project (`../shared/wire`) and are never copied into it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fault_server import FaultServer, head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fault_server import Wire

WIRE = Path(__file__).parents[2] / "shared" / "wire"
if not (WIRE / "INDEX.json").exists():
    pytest.skip("the recordings are not on this machine", allow_module_level=True)

_ROWS = {
    "dashscope": "dashscope",
    "dashscope-native": "dashscope",
    "openrouter": "openrouter",
    "vercel-gateway": "vercel",
    "aimlapi": "aimlapi",
    "vllm": "vllm",
    "vllm-0.32": "vllm",
    "llamacpp": "llamacpp",
    "ollama": "ollama",
}
_KINDS = {".sse": "text/event-stream", ".json": "application/json", ".txt": "text/plain"}
# What the recorder's connection had and ours has not.
_HOP_BY_HOP = {"transfer-encoding", "content-length", "content-encoding", "connection"}


@dataclass(frozen=True)
class Recording:
    """One recorded answer."""

    file: str
    row: str
    """The gateway whose dialect it is, as our rows name it; the plain one where none is."""
    status: int
    headers: dict[str, str]

    @cached_property
    def body(self) -> bytes:
        """The bytes as they came."""
        return (WIRE / self.file).read_bytes()

    @property
    def is_stream(self) -> bool:
        """Whether it is events."""
        return self.file.endswith(".sse")

    @property
    def payloads(self) -> list[dict[str, Any]]:
        """The JSON of its events, or its only JSON."""
        if not self.is_stream:
            return [json.loads(self.body)]
        lines = self.body.decode("utf-8", "replace").split("\n")
        datas = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
        return [json.loads(data) for data in datas if data != "[DONE]"]

    @cached_property
    def request(self) -> dict[str, Any]:
        """The body that it answers; {} where that was not recorded."""
        file = (WIRE / self.file).with_suffix(".req.json")
        return json.loads(file.read_bytes()) if file.exists() else {}

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of its request that the reading depends on: limits of tokens."""
        budgets = ("thinking_budget_tokens", "reasoning_budget_tokens", "thinking_token_budget")
        budget = next((self.request[name] for name in budgets if name in self.request), None)
        settings = {"thinking_budget": budget, "max_tokens": self.request.get("max_tokens")}
        return {name: value for name, value in settings.items() if value is not None}

    def pieces(self, cut: str) -> Iterator[bytes]:
        """Return the body as the network brings it.

        `whole`, `network`, or pieces of so many bytes.
        """
        if cut == "network":
            sizes = json.loads((WIRE / self.file).with_suffix(".netchunks.json").read_bytes())
            assert sum(sizes) == len(self.body)
        elif cut == "whole":
            sizes = [len(self.body)]
        else:
            sizes = [int(cut)] * -(-len(self.body) // int(cut))
        for start, end in pairwise(accumulate(sizes, initial=0)):
            yield self.body[start:end]


def _recording(said: dict[str, Any]) -> Recording:
    kept = {k: v for k, v in said.get("headers", {}).items() if k not in _HOP_BY_HOP}
    kind = {"content-type": _KINDS[Path(said["file"]).suffix]}
    row = _ROWS.get(said["gateway"], "openai-compatible")
    return Recording(said["file"], row, said["status"], kind | kept)


RECORDINGS = {
    said["file"]: _recording(said) for said in json.loads((WIRE / "INDEX.json").read_bytes())
}
NETWORK_CUTS = [
    file for file in RECORDINGS if (WIRE / file).with_suffix(".netchunks.json").exists()
]


class Replay(FaultServer):
    """Answers `<root>/<cut>/<file>/chat/completions` with that recording, cut like that."""

    def __init__(self) -> None:
        super().__init__(_replay)

    def base_url(self, file: str, cut: str = "whole") -> str:
        """Of a server that has only this recording to give."""
        return f"{self.url.removesuffix('/v1/chat/completions')}/{cut}/{file}"


def _replay(wire: Wire) -> None:
    cut, _, file = wire.path.removesuffix("/chat/completions").lstrip("/").partition("/")
    recording = RECORDINGS[file]
    answer = head(recording.status, **recording.headers, transfer_encoding="chunked")
    pieces = recording.pieces(cut)
    if cut == "network":  # as they arrived: one segment each
        wire.send(answer)
        for piece in pieces:
            wire.chunk(piece)
        wire.end()
        return
    # One HTTP chunk a piece: the client's HTTP parser gives them out one by one.
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    wire.send(answer + chunks + b"0\r\n\r\n")
