"""Gateway x setting → the body that leaves.

What every gateway sends alike (the model, the one user message, the two tools) is stripped. A new
gateway needs no row here, unless it says what none has said yet: then add `"name": snapshot(),`
and run pytest with `--inline-snapshot=create`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from inline_snapshot import snapshot
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_qwen36._request.build import build
from langchain_qwen36._request.types import Settings, Thinking
from langchain_qwen36.catalog import find_model
from langchain_qwen36.errors import MessageError, UnsupportedSettingError
from langchain_qwen36.gateways import GATEWAYS, Gateway

TOOL = {"tool_call_id": "c1", "content": "ok"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("f", "g")
]
NAMED = {"type": "function", "function": {"name": "g"}}
LOOP = [
    HumanMessage("hi"),
    AIMessage(
        "",
        tool_calls=[{"name": "f", "args": {}, "id": "c1"}],
        additional_kwargs={"reasoning_content": "hm", "reasoning_details": [{"text": "hm"}]},
    ),
    ToolMessage(**TOOL),
]

CASES: dict[str, dict[str, Any]] = {
    "nothing said": {},
    "streamed": {"stream": True},
    "thinking on": {"thinking": Thinking(enabled=True)},
    "thinking off": {"thinking": Thinking(enabled=False)},
    "a budget": {"thinking": Thinking(budget=4096)},
    "an effort": {"thinking": Thinking(effort="high")},
    "thoughts kept": {"thinking": Thinking(preserve=True)},
    "tools": {"tools": TOOLS},
    "a named tool": {"tools": TOOLS, "tool_choice": NAMED},
    "a named tool, left to the model": {
        "tools": TOOLS,
        "tool_choice": NAMED,
        "forced_tool_choice": "auto",
    },
    "some tool of two": {"tools": TOOLS, "tool_choice": "required"},
    "some tool of two, thinking off": {
        "tools": TOOLS,
        "tool_choice": "required",
        "thinking": Thinking(enabled=False),
    },
    "a JSON object": {"response_format": {"type": "json_object"}},
    "a JSON schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "A", "schema": SCHEMA},
        }
    },
    "a system message at the end": {"messages": [HumanMessage("hi"), SystemMessage("s")]},
    "a tool loop": {"messages": LOOP},
    "a body of your own": {
        "params": {"temperature": 0.1},
        "extra_body": {"temperature": 0.2, "chat_template_kwargs": {"mine": 1}},
        "thinking": Thinking(preserve=True),
    },
}


HI = (HumanMessage("hi"),)
ALIKE = {"user": {"role": "user", "content": "hi"}, "tool": {**TOOL, "role": "tool"}}


def row(gateway: str) -> dict[str, Any]:
    """Every case of one gateway; `!` is what is said about it, or the refusal."""
    return {name: leaves(gateway, **case) for name, case in CASES.items()}


def leaves(gateway, *, messages=HI, stream=None, **settings):
    """Return what leaves, without what is the same everywhere; what is as asked is only named."""
    plus = find_model("qwen3.6-plus")
    said = Settings(model="qwen3.6-plus", wire_model="qwen3.6-plus", **settings)
    try:
        request = build(messages, said, GATEWAYS[gateway], plus, stream=bool(stream))
    except (MessageError, UnsupportedSettingError) as refused:
        return {"!": type(refused).__name__}
    body = dict(request.body)
    assert body.pop("model") == "qwen3.6-plus"
    if body.get("stream") and not stream:
        del body["stream_options"]
        body["stream"] = "inside"
    body["messages"] = [_short(message) for message in body["messages"]]
    if body["messages"] == ["user"]:
        del body["messages"]
    for key in ("tool_choice", "response_format"):
        if key in body and body[key] == settings[key]:
            body[key] = "as asked"
    if "tools" in body:
        names = " ".join(tool["function"]["name"] for tool in body.pop("tools"))
        body |= {} if names == "f g" else {"tools": names}
    notes = [*request.notes, *(["ask again"] if request.retry_if_no_tool_call else [])]
    return body | ({"!": ", ".join(notes)} if notes else {})


def _short(message):
    """Return a message that is the same everywhere by its role; an assistant's by what differs."""
    if message == ALIKE.get(message["role"]):
        return message["role"]
    calls = message.get("tool_calls")
    return message | ({"tool_calls": [" ".join(call) for call in calls]} if calls else {})


MATRIX = {
    "dashscope": snapshot(
        {
            "nothing said": {"stream": "inside"},
            "streamed": {"stream": True, "stream_options": {"include_usage": True}},
            "thinking on": {"enable_thinking": True, "stream": "inside"},
            "thinking off": {"enable_thinking": False},
            "a budget": {"enable_thinking": True, "thinking_budget": 4096, "stream": "inside"},
            "an effort": {"enable_thinking": True, "thinking_budget": 65536, "stream": "inside"},
            "thoughts kept": {"preserve_thinking": True, "stream": "inside"},
            "tools": {"preserve_thinking": True, "parallel_tool_calls": True, "stream": "inside"},
            "a named tool": {
                "enable_thinking": False,
                "tool_choice": "as asked",
                "parallel_tool_calls": True,
                "!": "thinking",
            },
            "a named tool, left to the model": {
                "preserve_thinking": True,
                "tool_choice": "auto",
                "parallel_tool_calls": True,
                "stream": "inside",
                "tools": "g",
                "!": "tool_choice, ask again",
            },
            "some tool of two": {
                "preserve_thinking": True,
                "tool_choice": "auto",
                "parallel_tool_calls": True,
                "stream": "inside",
                "!": "tool_choice, ask again",
            },
            "some tool of two, thinking off": {
                "enable_thinking": False,
                "tool_choice": "auto",
                "parallel_tool_calls": True,
                "!": "tool_choice",
            },
            "a JSON object": {
                "messages": [
                    {"role": "system", "content": "Answer with one JSON object and nothing else."},
                    "user",
                ],
                "enable_thinking": False,
                "response_format": "as asked",
                "!": "thinking",
            },
            "a JSON schema": {
                "messages": [
                    {
                        "role": "system",
                        "content": """\
Answer with one JSON object and nothing else. It must fit this JSON schema:
{"type":"object","properties":{"a":{"type":"integer"}}}\
""",
                    },
                    "user",
                ],
                "enable_thinking": False,
                "response_format": {"type": "json_object"},
                "!": "response_format, thinking",
            },
            "a system message at the end": {
                "messages": [{"role": "system", "content": "s"}, "user"],
                "stream": "inside",
            },
            "a tool loop": {
                "messages": [
                    "user",
                    {
                        "role": "assistant",
                        "content": "",
                        "reasoning_content": "hm",
                        "tool_calls": ["id type function index"],
                    },
                    "tool",
                ],
                "stream": "inside",
            },
            "a body of your own": {
                "temperature": 0.2,
                "preserve_thinking": True,
                "stream": "inside",
                "chat_template_kwargs": {"mine": 1},
            },
        }
    ),
    "apiyi": snapshot(
        {
            "nothing said": {"stream": "inside"},
            "streamed": {"stream": True, "stream_options": {"include_usage": True}},
            "thinking on": {"enable_thinking": True, "stream": "inside"},
            "thinking off": {"enable_thinking": False},
            "a budget": {"enable_thinking": True, "thinking_budget": 4096, "stream": "inside"},
            "an effort": {"enable_thinking": True, "reasoning_effort": "high", "stream": "inside"},
            "thoughts kept": {"preserve_thinking": True, "stream": "inside"},
            "tools": {"preserve_thinking": True, "parallel_tool_calls": True, "stream": "inside"},
            "a named tool": {
                "enable_thinking": False,
                "tool_choice": "as asked",
                "parallel_tool_calls": True,
                "!": "thinking",
            },
            "a named tool, left to the model": {
                "preserve_thinking": True,
                "tool_choice": "auto",
                "parallel_tool_calls": True,
                "stream": "inside",
                "tools": "g",
                "!": "tool_choice, ask again",
            },
            "some tool of two": {
                "preserve_thinking": True,
                "tool_choice": "auto",
                "parallel_tool_calls": True,
                "stream": "inside",
                "!": "tool_choice, ask again",
            },
            "some tool of two, thinking off": {
                "enable_thinking": False,
                "tool_choice": "auto",
                "parallel_tool_calls": True,
                "!": "tool_choice",
            },
            "a JSON object": {
                "messages": [
                    {"role": "system", "content": "Answer with one JSON object and nothing else."},
                    "user",
                ],
                "enable_thinking": False,
                "response_format": "as asked",
                "!": "thinking",
            },
            "a JSON schema": {
                "messages": [
                    {
                        "role": "system",
                        "content": """\
Answer with one JSON object and nothing else. It must fit this JSON schema:
{"type":"object","properties":{"a":{"type":"integer"}}}\
""",
                    },
                    "user",
                ],
                "enable_thinking": False,
                "response_format": {"type": "json_object"},
                "!": "response_format, thinking",
            },
            "a system message at the end": {
                "messages": [{"role": "system", "content": "s"}, "user"],
                "stream": "inside",
            },
            "a tool loop": {
                "messages": [
                    "user",
                    {
                        "role": "assistant",
                        "content": "",
                        "reasoning_content": "hm",
                        "tool_calls": ["id type function index"],
                    },
                    "tool",
                ],
                "stream": "inside",
            },
            "a body of your own": {
                "temperature": 0.2,
                "preserve_thinking": True,
                "stream": "inside",
                "chat_template_kwargs": {"mine": 1},
            },
        }
    ),
    "openrouter": snapshot(
        {
            "nothing said": {},
            "streamed": {"stream": True, "stream_options": {"include_usage": True}},
            "thinking on": {"reasoning": {"enabled": True}},
            "thinking off": {"reasoning": {"enabled": False}},
            "a budget": {"reasoning": {"max_tokens": 4096}},
            "an effort": {"reasoning": {"effort": "high"}},
            "thoughts kept": {},
            "tools": {},
            "a named tool": {
                "reasoning": {"enabled": False},
                "tool_choice": "as asked",
                "!": "thinking",
            },
            "a named tool, left to the model": {
                "tool_choice": "auto",
                "tools": "g",
                "!": "tool_choice, ask again",
            },
            "some tool of two": {
                "reasoning": {"enabled": False},
                "tool_choice": "as asked",
                "!": "thinking",
            },
            "some tool of two, thinking off": {
                "reasoning": {"enabled": False},
                "tool_choice": "as asked",
            },
            "a JSON object": {
                "messages": [
                    {"role": "system", "content": "Answer with one JSON object and nothing else."},
                    "user",
                ],
                "reasoning": {"enabled": False},
                "response_format": "as asked",
                "!": "thinking",
            },
            "a JSON schema": {
                "reasoning": {"enabled": False},
                "response_format": "as asked",
                "!": "thinking",
            },
            "a system message at the end": {
                "messages": [{"role": "system", "content": "s"}, "user"]
            },
            "a tool loop": {
                "messages": [
                    "user",
                    {
                        "role": "assistant",
                        "content": "",
                        "reasoning_details": [{"text": "hm"}],
                        "tool_calls": ["id type function"],
                    },
                    "tool",
                ]
            },
            "a body of your own": {"temperature": 0.2, "chat_template_kwargs": {"mine": 1}},
        }
    ),
    "vercel": snapshot(
        {
            "nothing said": {},
            "streamed": {"stream": True, "stream_options": {"include_usage": True}},
            "thinking on": {"reasoning": {"enabled": True}},
            "thinking off": {"reasoning": {"enabled": False}},
            "a budget": {"reasoning": {"max_tokens": 4096}},
            "an effort": {"reasoning": {"effort": "high"}},
            "thoughts kept": {},
            "tools": {},
            "a named tool": {
                "reasoning": {"enabled": False},
                "tool_choice": "as asked",
                "!": "thinking",
            },
            "a named tool, left to the model": {
                "tool_choice": "auto",
                "tools": "g",
                "!": "tool_choice, ask again",
            },
            "some tool of two": {
                "reasoning": {"enabled": False},
                "tool_choice": "as asked",
                "!": "thinking",
            },
            "some tool of two, thinking off": {
                "reasoning": {"enabled": False},
                "tool_choice": "as asked",
            },
            "a JSON object": {
                "messages": [
                    {"role": "system", "content": "Answer with one JSON object and nothing else."},
                    "user",
                ],
                "reasoning": {"enabled": False},
                "response_format": "as asked",
                "!": "thinking",
            },
            "a JSON schema": {
                "reasoning": {"enabled": False},
                "response_format": "as asked",
                "!": "thinking",
            },
            "a system message at the end": {
                "messages": [{"role": "system", "content": "s"}, "user"]
            },
            "a tool loop": {
                "messages": [
                    "user",
                    {
                        "role": "assistant",
                        "content": "",
                        "reasoning_details": [{"text": "hm"}],
                        "tool_calls": ["id type function"],
                    },
                    "tool",
                ]
            },
            "a body of your own": {"temperature": 0.2, "chat_template_kwargs": {"mine": 1}},
        }
    ),
    "aimlapi": snapshot(
        {
            "nothing said": {},
            "streamed": {"stream": True, "stream_options": {"include_usage": True}},
            "thinking on": {"enable_thinking": True},
            "thinking off": {"enable_thinking": False},
            "a budget": {"enable_thinking": True, "thinking_budget": 4096},
            "an effort": {"enable_thinking": True, "reasoning_effort": "high"},
            "thoughts kept": {},
            "tools": {},
            "a named tool": {"enable_thinking": False, "tool_choice": "as asked", "!": "thinking"},
            "a named tool, left to the model": {
                "tool_choice": "auto",
                "tools": "g",
                "!": "tool_choice, ask again",
            },
            "some tool of two": {
                "enable_thinking": False,
                "tool_choice": "as asked",
                "!": "thinking",
            },
            "some tool of two, thinking off": {"enable_thinking": False, "tool_choice": "as asked"},
            "a JSON object": {
                "messages": [
                    {"role": "system", "content": "Answer with one JSON object and nothing else."},
                    "user",
                ],
                "enable_thinking": False,
                "response_format": "as asked",
                "!": "thinking",
            },
            "a JSON schema": {
                "enable_thinking": False,
                "response_format": "as asked",
                "!": "thinking",
            },
            "a system message at the end": {
                "messages": [{"role": "system", "content": "s"}, "user"]
            },
            "a tool loop": {
                "messages": [
                    "user",
                    {
                        "role": "assistant",
                        "content": "",
                        "reasoning_content": "hm",
                        "tool_calls": ["id type function"],
                    },
                    "tool",
                ]
            },
            "a body of your own": {"temperature": 0.2, "chat_template_kwargs": {"mine": 1}},
        }
    ),
    "vllm": snapshot(
        {
            "nothing said": {},
            "streamed": {"stream": True, "stream_options": {"include_usage": True}},
            "thinking on": {"chat_template_kwargs": {"enable_thinking": True}},
            "thinking off": {"chat_template_kwargs": {"enable_thinking": False}},
            "a budget": {
                "chat_template_kwargs": {"enable_thinking": True},
                "thinking_token_budget": 4096,
            },
            "an effort": {
                "chat_template_kwargs": {"enable_thinking": True},
                "thinking_token_budget": 65536,
            },
            "thoughts kept": {"chat_template_kwargs": {"preserve_thinking": True}},
            "tools": {"chat_template_kwargs": {"preserve_thinking": True}},
            "a named tool": {
                "chat_template_kwargs": {"preserve_thinking": True},
                "tool_choice": "as asked",
            },
            "a named tool, left to the model": {
                "chat_template_kwargs": {"preserve_thinking": True},
                "tool_choice": "as asked",
            },
            "some tool of two": {
                "chat_template_kwargs": {"preserve_thinking": True},
                "tool_choice": "as asked",
            },
            "some tool of two, thinking off": {
                "chat_template_kwargs": {"enable_thinking": False},
                "tool_choice": "as asked",
            },
            "a JSON object": {"response_format": "as asked"},
            "a JSON schema": {"response_format": "as asked"},
            "a system message at the end": {
                "messages": [{"role": "system", "content": "s"}, "user"]
            },
            "a tool loop": {
                "messages": [
                    "user",
                    {
                        "role": "assistant",
                        "content": "",
                        "reasoning": "hm",
                        "tool_calls": ["id type function"],
                    },
                    "tool",
                ]
            },
            "a body of your own": {
                "temperature": 0.2,
                "chat_template_kwargs": {"preserve_thinking": True, "mine": 1},
            },
        }
    ),
    "sglang": snapshot(
        {
            "nothing said": {},
            "streamed": {"stream": True, "stream_options": {"include_usage": True}},
            "thinking on": {"chat_template_kwargs": {"enable_thinking": True}},
            "thinking off": {"chat_template_kwargs": {"enable_thinking": False}},
            "a budget": {
                "chat_template_kwargs": {"enable_thinking": True},
                "custom_params": {"thinking_budget": 4096},
                "!": "thinking_budget",
            },
            "an effort": {
                "chat_template_kwargs": {"enable_thinking": True},
                "custom_params": {"thinking_budget": 65536},
                "!": "thinking_budget",
            },
            "thoughts kept": {"chat_template_kwargs": {"preserve_thinking": True}},
            "tools": {"chat_template_kwargs": {"preserve_thinking": True}},
            "a named tool": {
                "chat_template_kwargs": {"preserve_thinking": True},
                "tool_choice": "as asked",
            },
            "a named tool, left to the model": {
                "chat_template_kwargs": {"preserve_thinking": True},
                "tool_choice": "as asked",
            },
            "some tool of two": {
                "chat_template_kwargs": {"preserve_thinking": True},
                "tool_choice": "as asked",
            },
            "some tool of two, thinking off": {
                "chat_template_kwargs": {"enable_thinking": False},
                "tool_choice": "as asked",
            },
            "a JSON object": {"response_format": "as asked"},
            "a JSON schema": {"response_format": "as asked"},
            "a system message at the end": {
                "messages": [{"role": "system", "content": "s"}, "user"]
            },
            "a tool loop": {
                "messages": [
                    "user",
                    {
                        "role": "assistant",
                        "content": "",
                        "reasoning_content": "hm",
                        "tool_calls": ["id type function"],
                    },
                    "tool",
                ]
            },
            "a body of your own": {
                "temperature": 0.2,
                "chat_template_kwargs": {"preserve_thinking": True, "mine": 1},
            },
        }
    ),
    "llamacpp": snapshot(
        {
            "nothing said": {},
            "streamed": {"stream": True, "stream_options": {"include_usage": True}},
            "thinking on": {"chat_template_kwargs": {"enable_thinking": True}},
            "thinking off": {"chat_template_kwargs": {"enable_thinking": False}},
            "a budget": {
                "chat_template_kwargs": {"enable_thinking": True},
                "thinking_budget_tokens": 4096,
            },
            "an effort": {
                "chat_template_kwargs": {"enable_thinking": True},
                "thinking_budget_tokens": 65536,
            },
            "thoughts kept": {"chat_template_kwargs": {"preserve_thinking": True}},
            "tools": {"chat_template_kwargs": {"preserve_thinking": True}},
            "a named tool": {
                "chat_template_kwargs": {"preserve_thinking": True},
                "tool_choice": "required",
                "tools": "g",
            },
            "a named tool, left to the model": {
                "chat_template_kwargs": {"preserve_thinking": True},
                "tool_choice": "required",
                "tools": "g",
            },
            "some tool of two": {
                "chat_template_kwargs": {"preserve_thinking": True},
                "tool_choice": "as asked",
            },
            "some tool of two, thinking off": {
                "chat_template_kwargs": {"enable_thinking": False},
                "tool_choice": "as asked",
            },
            "a JSON object": {"response_format": "as asked"},
            "a JSON schema": {"response_format": "as asked"},
            "a system message at the end": {
                "messages": [{"role": "system", "content": "s"}, "user"]
            },
            "a tool loop": {
                "messages": [
                    "user",
                    {
                        "role": "assistant",
                        "content": "",
                        "reasoning_content": "hm",
                        "tool_calls": ["id type function"],
                    },
                    "tool",
                ]
            },
            "a body of your own": {
                "temperature": 0.2,
                "chat_template_kwargs": {"preserve_thinking": True, "mine": 1},
            },
        }
    ),
    "ollama": snapshot(
        {
            "nothing said": {},
            "streamed": {"stream": True, "stream_options": {"include_usage": True}},
            "thinking on": {"reasoning_effort": "medium"},
            "thinking off": {"reasoning_effort": "none"},
            "a budget": {"!": "UnsupportedSettingError"},
            "an effort": {"reasoning_effort": "high"},
            "thoughts kept": {},
            "tools": {},
            "a named tool": {"tool_choice": "auto", "tools": "g", "!": "tool_choice, ask again"},
            "a named tool, left to the model": {
                "tool_choice": "auto",
                "tools": "g",
                "!": "tool_choice, ask again",
            },
            "some tool of two": {"tool_choice": "auto", "!": "tool_choice, ask again"},
            "some tool of two, thinking off": {
                "reasoning_effort": "none",
                "tool_choice": "auto",
                "!": "tool_choice",
            },
            "a JSON object": {"response_format": "as asked"},
            "a JSON schema": {"response_format": "as asked"},
            "a system message at the end": {
                "messages": [{"role": "system", "content": "s"}, "user"]
            },
            "a tool loop": {
                "messages": [
                    "user",
                    {
                        "role": "assistant",
                        "content": "",
                        "reasoning": "hm",
                        "tool_calls": ["id type function"],
                    },
                    "tool",
                ]
            },
            "a body of your own": {"temperature": 0.2, "chat_template_kwargs": {"mine": 1}},
        }
    ),
    "local": snapshot(
        {
            "nothing said": {},
            "streamed": {"stream": True, "stream_options": {"include_usage": True}},
            "thinking on": {"chat_template_kwargs": {"enable_thinking": True}},
            "thinking off": {"chat_template_kwargs": {"enable_thinking": False}},
            "a budget": {
                "chat_template_kwargs": {"enable_thinking": True},
                "thinking_budget_tokens": 4096,
            },
            "an effort": {
                "chat_template_kwargs": {"enable_thinking": True},
                "thinking_budget_tokens": 65536,
            },
            "thoughts kept": {"chat_template_kwargs": {"preserve_thinking": True}},
            "tools": {"chat_template_kwargs": {"preserve_thinking": True}},
            "a named tool": {
                "chat_template_kwargs": {"preserve_thinking": True},
                "tool_choice": "required",
                "tools": "g",
            },
            "a named tool, left to the model": {
                "chat_template_kwargs": {"preserve_thinking": True},
                "tool_choice": "required",
                "tools": "g",
            },
            "some tool of two": {
                "chat_template_kwargs": {"preserve_thinking": True},
                "tool_choice": "as asked",
            },
            "some tool of two, thinking off": {
                "chat_template_kwargs": {"enable_thinking": False, "force_tool": True},
                "tool_choice": "as asked",
            },
            "a JSON object": {"response_format": "as asked"},
            "a JSON schema": {"response_format": "as asked"},
            "a system message at the end": {
                "messages": [{"role": "system", "content": "s"}, "user"]
            },
            "a tool loop": {
                "messages": [
                    "user",
                    {
                        "role": "assistant",
                        "content": "",
                        "reasoning_content": "hm",
                        "tool_calls": ["id type function"],
                    },
                    "tool",
                ]
            },
            "a body of your own": {
                "temperature": 0.2,
                "chat_template_kwargs": {"preserve_thinking": True, "mine": 1},
            },
        }
    ),
    "openai-compatible": snapshot(
        {
            "nothing said": {},
            "streamed": {"stream": True, "stream_options": {"include_usage": True}},
            "thinking on": {"!": "UnsupportedSettingError"},
            "thinking off": {"!": "UnsupportedSettingError"},
            "a budget": {"!": "UnsupportedSettingError"},
            "an effort": {"!": "UnsupportedSettingError"},
            "thoughts kept": {},
            "tools": {},
            "a named tool": {"tool_choice": "required", "tools": "g"},
            "a named tool, left to the model": {"tool_choice": "required", "tools": "g"},
            "some tool of two": {"tool_choice": "as asked"},
            "some tool of two, thinking off": {"!": "UnsupportedSettingError"},
            "a JSON object": {"response_format": "as asked"},
            "a JSON schema": {"response_format": "as asked"},
            "a system message at the end": {
                "messages": ["user", {"role": "system", "content": "s"}]
            },
            "a tool loop": {
                "messages": [
                    "user",
                    {
                        "role": "assistant",
                        "content": "",
                        "reasoning_content": "hm",
                        "tool_calls": ["id type function"],
                    },
                    "tool",
                ]
            },
            "a body of your own": {"temperature": 0.2, "chat_template_kwargs": {"mine": 1}},
        }
    ),
    "lmstudio": snapshot(
        {
            "nothing said": {},
            "streamed": {"stream": True, "stream_options": {"include_usage": True}},
            "thinking on": {"!": "UnsupportedSettingError"},
            "thinking off": {"!": "UnsupportedSettingError"},
            "a budget": {"!": "UnsupportedSettingError"},
            "an effort": {"!": "UnsupportedSettingError"},
            "thoughts kept": {},
            "tools": {},
            "a named tool": {"tool_choice": "required", "tools": "g"},
            "a named tool, left to the model": {"tool_choice": "required", "tools": "g"},
            "some tool of two": {"tool_choice": "as asked"},
            "some tool of two, thinking off": {"!": "UnsupportedSettingError"},
            "a JSON object": {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": {"type": "object"}},
                }
            },
            "a JSON schema": {"response_format": "as asked"},
            "a system message at the end": {
                "messages": [{"role": "system", "content": "s"}, "user"]
            },
            "a tool loop": {
                "messages": [
                    "user",
                    {
                        "role": "assistant",
                        "content": "",
                        "reasoning_content": "hm",
                        "tool_calls": ["id type function"],
                    },
                    "tool",
                ]
            },
            "a body of your own": {"temperature": 0.2, "chat_template_kwargs": {"mine": 1}},
        }
    ),
}


@pytest.mark.parametrize("gateway", MATRIX)
def test_each_gateway_gets_its_own_dialect(gateway):
    """The same ten lines of user code, in the words each server understands."""
    assert row(gateway) == MATRIX[gateway]


def test_regions_of_one_vendor_speak_alike():
    """They share a row of the matrix."""
    regions = [
        name
        for name, gateway in GATEWAYS.items()
        if name.startswith("dashscope-") and gateway.billing != "batch"
    ]

    assert regions
    assert [name for name in regions if row(name) != MATRIX["dashscope"]] == []


def test_batch_chat_is_its_region_without_streams():
    """It answers in one body only: the keys of a stream are all that differs."""
    stream = {"stream", "stream_options"}
    expected = {
        case: {key: value for key, value in fields.items() if key not in stream}
        for case, fields in row("dashscope").items()
    }
    assert expected == row("dashscope-batch")


def test_a_gateway_outside_the_matrix_says_nothing_that_it_does_not_show():
    """Whoever adds a gateway adds a snapshot only for a choice that no row has made yet."""
    # `rerank` is no part of a chat request: tests/rerank.
    free = {"name", "base_url", "price_list", "billing", "found_by_key", "rerank"}
    new = [
        f"{name}: {fact.name}={value!r}"
        for name in GATEWAYS.keys() - MATRIX.keys() - {"dashscope-batch"}
        for fact in fields(Gateway)
        if isinstance(value := getattr(GATEWAYS[name], fact.name), str | bool)
        and fact.name not in free
        and value not in {getattr(GATEWAYS[shown], fact.name) for shown in MATRIX}
    ]

    assert new == []
