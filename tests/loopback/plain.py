"""Asking a loopback gateway by plain HTTP, and reading what comes."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

import httpx

from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from loopback.server import LoopbackGateway

_TLS = ssl.create_default_context()  # made once: httpx makes one for every call else

SPELLED = {
    "openrouter": "qwen/{}",
    "vercel": "alibaba/{}",
    "aimlapi": "alibaba/{}",
    "vllm": "Qwen/{}",
    "ollama": "{}",
}
HI = [{"role": "user", "content": "Hi"}]
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
NAMED = {"type": "function", "function": {"name": "add"}}
OFF = {
    "enable_thinking": {"enable_thinking": False},
    "chat_template_kwargs": {"chat_template_kwargs": {"enable_thinking": False}},
    "reasoning": {"reasoning": {"enabled": False}},
    "reasoning_effort": {"reasoning_effort": "none"},
}


def spelled(row: str, model: str = "qwen3.6-27b") -> str:
    """Return the wire id of a model at a gateway."""
    return SPELLED.get(row, "{}").format(model)


def body_of(row: str, model: str = "qwen3.6-27b", **more: Any) -> dict[str, Any]:
    """Return a body that every row accepts, and what a test adds to it."""
    return {"model": spelled(row, model), "messages": HI} | more


def off(row: str) -> dict[str, Any]:
    """Return what switches thinking off at a row."""
    return OFF.get(GATEWAYS[row].thinking, {})


def post(server: LoopbackGateway, body: dict[str, Any], key: str | None = None) -> httpx.Response:
    """One request, read whole."""
    headers = {"authorization": f"Bearer {key or server.key}"}
    url = f"{server.base_url}/chat/completions"
    return httpx.post(url, json=body, headers=headers, trust_env=False, verify=_TLS)


def chunks(response: httpx.Response) -> list[dict[str, Any]]:
    """Return the JSON payloads of a stream."""
    return payloads(response.text)


def payloads(text: str) -> list[dict[str, Any]]:
    """Return the JSON payloads of server-sent events."""
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def message(response: httpx.Response) -> dict[str, Any]:
    """Return the message of a one-shot answer."""
    return response.json()["choices"][0]["message"]


def said(response: httpx.Response) -> str:
    """Where the text of an error stands, whatever the envelope."""
    found = response.json()
    error = found.get("error", found)
    raw = (error.get("metadata") or {}).get("raw")
    text = json.loads(raw)["error"]["message"] if raw else error["message"]
    return text.partition(" (request id: ")[0]


def call(**more: Any) -> dict[str, Any]:
    """Return an assistant turn that calls add."""
    function = {"name": "add", "arguments": '{"a": 1, "b": 2}'}
    asked = {"id": "c1", "index": 0, "type": "function", "function": function}
    return {"role": "assistant", "content": "", "tool_calls": [asked]} | more


RESULT = {"role": "tool", "tool_call_id": "c1", "content": "3"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
