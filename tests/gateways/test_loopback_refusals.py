"""What the loopback gateway refuses: each condition of a row, with the documented text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from loopback import LoopbackGateway, rules
from loopback.plain import (
    ADD,
    HI,
    IMAGE,
    NAMED,
    RESULT,
    WEATHER,
    body_of,
    call,
    off,
    post,
    said,
)

from langchain_qwen36.gateways import Gateway, Range

if TYPE_CHECKING:
    from collections.abc import Callable

    Server = Callable[..., LoopbackGateway]


def refused(
    name: str, row: str, status: int, text: str, *, model: str = "qwen3.6-27b", **more: Any
) -> Any:
    """Return a row of the table of refusals."""
    return pytest.param(row, body_of(row, model, **more), status, text, id=f"{row}-{name}")


FILE = {
    "type": "file",
    "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
}
HUGE = {
    "type": "image_url",
    "image_url": {"url": "data:image/png;base64," + "A" * (20 * 2**20 + 200)},
}
FRAMES = {"type": "video", "video": ["https://example.com/1.jpg"]}
BEGUN = [*HI, {"role": "assistant", "content": "We"}]
TWO_SYSTEM = [
    {"role": "system", "content": "A"},
    *HI,
    {"role": "system", "content": "B"},
    *HI,
]
JSON = [{"role": "user", "content": "Answer as JSON"}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
STREAM = {"stream": True}
STARS = "qwen3.6-plus"
MT = "qwen-mt-plus"
TWO_USERS = [*HI, *HI]

REFUSALS = [
    *[
        refused(
            f"forced-{kind}",
            row,
            400,
            rules.FORCED_WHILE_THINKING,
            tools=[ADD],
            tool_choice=c,
            **STREAM,
        )
        for row in ("dashscope", "dashscope-intl", "apiyi", "openrouter", "vercel", "aimlapi")
        for kind, c in (("required", "required"), ("named", NAMED))
    ],
    *[
        refused(
            "required", row, 400, rules.REQUIRED, tools=[ADD], tool_choice="required", **off(row)
        )
        for row in ("dashscope", "apiyi")
    ],
    *[
        refused(
            "json-thinking",
            row,
            400,
            rules.JSON_WHILE_THINKING,
            response_format={"type": "json_object"},
            **(STREAM | {"messages": JSON}),
        )
        for row in ("dashscope", "apiyi", "openrouter", "vercel", "aimlapi")
    ],
    *[
        refused(
            "json-word",
            row,
            400,
            rules.NO_JSON_WORD,
            response_format={"type": "json_object"},
            **off(row),
        )
        for row in ("dashscope", "apiyi", "openrouter", "vercel", "aimlapi")
    ],
    refused(
        "json-schema",
        "dashscope",
        400,
        "response_format type json_schema is not supported",
        response_format=SCHEMA,
        **off("dashscope"),
    ),
    refused(
        "json-schema-thinking", "openrouter", 400, rules.JSON_WHILE_THINKING, response_format=SCHEMA
    ),
    *[
        refused("one-shot", row, 400, rules.ONE_SHOT)
        for row in ("dashscope", "dashscope-us", "apiyi")
    ],
    refused(
        "one-shot-search", "dashscope", 400, rules.ONE_SHOT_SEARCH, model=STARS, enable_search=True
    ),
    *[
        refused(f"code-{name}", "dashscope", 400, text, enable_code_interpreter=True, **more)
        for name, text, more in (
            ("model", rules.CODE_MODEL, {"model": STARS, **STREAM}),
            ("one-shot", rules.CODE_ONE_SHOT, off("dashscope")),
            ("tools", rules.CODE_WITH_TOOLS, {"tools": [ADD], **STREAM}),
            ("no-thinking", rules.CODE_NO_THINKING, STREAM | off("dashscope")),
        )
    ],
    refused(
        "two-to-translate", "dashscope", 400, rules.TRANSLATES_ONE, model=MT, messages=TWO_USERS
    ),
    refused(
        "no-language",
        "dashscope",
        400,
        rules.NO_LANGUAGE,
        model=MT,
        translation_options={"source_lang": "auto"},
    ),
    refused(
        "partial-thinking",
        "dashscope",
        500,
        rules.BAD_ORDER,
        messages=[*BEGUN[:-1], BEGUN[-1] | {"partial": True}],
        **STREAM,
    ),
    refused(
        "thinking-only",
        "dashscope",
        400,
        rules.THINKING_ONLY,
        model="qwq-plus",
        enable_thinking=False,
    ),
    *[
        refused(
            f"budget-{budget}",
            "dashscope",
            400,
            rules.BUDGET.format(81_920),
            thinking_budget=budget,
            **STREAM,
        )
        for budget in (0, 81_921)
    ],
    *[
        refused(
            "effort-and-budget",
            row,
            400,
            'Only one of "reasoning.effort" and "reasoning.max_tokens" can be specified',
            reasoning={"effort": "low", "max_tokens": 9},
        )
        for row in ("openrouter", "vercel")
    ],
    *[
        refused(
            "null-content",
            row,
            400,
            rules.CONTENT_REQUIRED,
            messages=[*HI, call(content=None), RESULT],
            **off(row),
        )
        for row in ("dashscope", "apiyi", "openrouter", "vercel", "aimlapi")
    ],
    refused(
        "broken-arguments",
        "dashscope",
        400,
        rules.BROKEN_ARGUMENTS,
        messages=[
            *HI,
            call(
                tool_calls=[
                    {
                        "id": "c1",
                        "index": 0,
                        "type": "function",
                        "function": {"name": "add", "arguments": '{"a": 1'},
                    }
                ]
            ),
            RESULT,
        ],
        **off("dashscope"),
    ),
    refused(
        "call-index",
        "dashscope",
        400,
        "Field required: tool_calls.index",
        messages=[
            *HI,
            call(
                tool_calls=[
                    {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
                ]
            ),
            RESULT,
        ],
        **off("dashscope"),
    ),
    *[
        refused(
            "tool-list",
            row,
            400,
            "tool content must be a string",
            messages=[*HI, call(), RESULT | {"content": [{"type": "text", "text": "3"}]}],
            **off(row),
        )
        for row in ("dashscope", "apiyi")
    ],
    *[
        refused(
            "tool-image",
            row,
            400,
            "only text is supported in tool messages",
            messages=[*HI, call(), RESULT | {"content": [IMAGE]}],
            **off(row),
        )
        for row in ("dashscope", "openrouter", "vllm", "llamacpp", "ollama")
    ],
    *[
        refused("two-system", row, 400, rules.SYSTEM_FIRST, messages=TWO_SYSTEM, **off(row))
        for row in ("vllm", "sglang", "llamacpp", "ollama", "dashscope")
    ],
    # The order of messages
    refused(
        "last-assistant",
        "dashscope",
        500,
        rules.BAD_ORDER,
        messages=[*HI, {"role": "assistant", "content": "Hi"}],
        **off("dashscope"),
    ),
    refused(
        "prefill",
        "llamacpp",
        400,
        "Assistant response prefill is incompatible with enable_thinking.",
        messages=[*HI, {"role": "assistant", "content": "Hi"}],
    ),
    refused(
        "lone-result",
        "dashscope",
        400,
        rules.TOOL_ALONE,
        messages=[*HI, RESULT],
        **off("dashscope"),
    ),
    refused(
        "missing-result",
        "dashscope",
        400,
        rules.TOOL_MISSING,
        messages=[*HI, call(), *HI],
        **off("dashscope"),
    ),
    refused(
        "developer",
        "aimlapi",
        400,
        "Unexpected message role.",
        messages=[{"role": "developer", "content": "A"}, *HI],
        **off("aimlapi"),
    ),
    refused(
        "last-system",
        "dashscope",
        500,
        rules.BAD_ORDER,
        messages=[{"role": "system", "content": "A"}],
        **off("dashscope"),
    ),
    # Content
    refused(
        "assistant-image",
        "vllm",
        400,
        "<400> InternalError.Algo.InvalidParameter: Unexpected item type in content.",
        messages=[*HI, {"role": "assistant", "content": [IMAGE]}, *HI],
    ),
    refused(
        "file",
        "dashscope",
        400,
        "<400> InternalError.Algo.InvalidParameter: Unexpected item type in content.",
        messages=[{"role": "user", "content": [{"type": "file", "file": {}}]}],
        **off("dashscope"),
    ),
    refused(
        "video",
        "llamacpp",
        400,
        "unsupported content[].type",
        messages=[{"role": "user", "content": [{"type": "video_url"}]}],
    ),
    refused(
        "text-only-model",
        "dashscope",
        400,
        "<400> InternalError.Algo.InvalidParameter: Unexpected item type in content.",
        model="qwen3.6-max-preview",
        messages=[{"role": "user", "content": [IMAGE]}],
        **off("dashscope"),
    ),
    refused(
        "file-form",
        "vercel",
        400,
        "a file needs data",
        messages=[{"role": "user", "content": [FILE]}],
    ),
    refused(
        "frames",
        "vercel",
        400,
        "<400> InternalError.Algo.InvalidParameter: Unexpected item type in content.",
        messages=[{"role": "user", "content": [FRAMES]}],
    ),
    refused(
        "huge-image",
        "dashscope",
        400,
        "Multimodal file size is too large",
        messages=[{"role": "user", "content": [HUGE]}],
        **off("dashscope"),
    ),
    # Tools
    refused(
        "no-tools", "dashscope", 400, "[] is too short - 'tools'", tools=[], **off("dashscope")
    ),
    refused(
        "choice-without-tools",
        "vllm",
        400,
        "When using `tool_choice`, `tools` must be set.",
        tool_choice="auto",
    ),
    refused(
        "tool-name",
        "vllm",
        400,
        "Invalid 'tools[0].function.name': string does not match pattern.",
        tools=[{"type": "function", "function": {"name": "a b"}}],
    ),
    refused(
        "tool-search",
        "dashscope",
        400,
        "Tool names are not allowed to be [search]",
        tools=[{"type": "function", "function": {"name": "search"}}],
        **off("dashscope"),
    ),
    refused(
        "unknown-choice",
        "vllm",
        400,
        "Tool choice names a function that is not in `tools`.",
        tools=[WEATHER],
        tool_choice=NAMED,
    ),
    refused(
        "n-with-tools",
        "dashscope",
        400,
        "n must be 1 while thinking or with tools",
        tools=[ADD],
        n=2,
        **off("dashscope"),
    ),
    refused(
        "n-thinking", "dashscope", 400, "n must be 1 while thinking or with tools", n=2, **STREAM
    ),
    # Limits
    refused("seed", "aimlapi", 400, "Range of seed should be [1, inf)", seed=0),
    refused("stop", "aimlapi", 400, "Range of stop should be [0, 4]", stop=list("abcde")),
    refused(
        "temperature",
        "dashscope",
        400,
        "Range of temperature should be [0, 2)",
        temperature=2.5,
        **off("dashscope"),
    ),
    refused(
        "stream-options",
        "vllm",
        400,
        "Stream options can only be defined when `stream=True`.",
        stream_options={"include_usage": True},
    ),
    refused(
        "effort",
        "aimlapi",
        400,
        "reasoning_effort must be one of low, medium, high",
        reasoning_effort="max",
    ),
    refused(
        "cap",
        "dashscope",
        400,
        "max_completion_tokens is not supported",
        max_completion_tokens=9,
        **off("dashscope"),
    ),
    # Models
    refused(
        "model",
        "dashscope",
        404,
        "The model `gpt-9` does not exist or you do not have access to it.",
        model="gpt-9",
    ),
    refused("model", "openrouter", 400, "qwen/gpt-9 is not a valid model ID", model="gpt-9"),
    refused("model", "vercel", 404, "Model 'alibaba/gpt-9' not found", model="gpt-9"),
    refused(
        "model-not-offered",
        "vercel",
        404,
        "Model 'alibaba/qwen3.6-flash' not found",
        model="qwen3.6-flash",
    ),
    refused("model", "vllm", 404, "The model `Qwen/gpt-9` does not exist.", model="gpt-9"),
    refused(
        "model",
        "ollama",
        404,
        "The model `gpt-9` does not exist or you do not have access to it.",
        model="gpt-9",
    ),
    refused(
        "closed-model",
        "vllm",
        404,
        "The model `Qwen/qwen3.6-plus` does not exist.",
        model="qwen3.6-plus",
    ),
]


@pytest.mark.parametrize(("row", "body", "status", "text"), REFUSALS)
def test_a_request_the_row_forbids_is_refused(
    gateway_server: Server, row: str, body: dict[str, Any], status: int, text: str
) -> None:
    """Each refusal has its documented status and text."""
    response = post(gateway_server(row), body)
    assert (response.status_code, said(response)) == (status, text)


ACCEPTED = [
    pytest.param("vllm", {"tools": [ADD], "tool_choice": "required"}, id="vllm-required-thinking"),
    pytest.param(
        "openrouter",
        {"tools": [ADD], "tool_choice": "required"} | off("openrouter"),
        id="openrouter-required",
    ),
    pytest.param(
        "dashscope", {"tools": [ADD], "tool_choice": NAMED} | off("dashscope"), id="dashscope-named"
    ),
    pytest.param("ollama", {"tools": [ADD], "tool_choice": "required"}, id="ollama-required"),
    pytest.param("vllm", {"messages": [*HI, call(content=None), RESULT]}, id="vllm-null-content"),
    pytest.param("openai-compatible", {"messages": TWO_SYSTEM}, id="plain-two-system"),
    pytest.param("dashscope", {"model": "qwen3.6-plus"}, id="dashscope-plus-one-shot"),
    pytest.param("dashscope", {"model": "qwen3.6-plus-2026-04-02"}, id="dashscope-snapshot"),
    pytest.param("dashscope", {"thinking_budget": 81_920, "stream": True}, id="dashscope-budget"),
    pytest.param(
        "dashscope",
        {"response_format": {"type": "json_object"}, "messages": JSON} | off("dashscope"),
        id="dashscope-json",
    ),
    pytest.param("vllm", {"response_format": SCHEMA}, id="vllm-json-schema-thinking"),
    pytest.param("aimlapi", {"seed": 1, "stop": list("abcd")}, id="aimlapi-limits"),
    pytest.param(
        "openrouter",
        {"messages": [{"role": "user", "content": [FILE]}]},
        id="openrouter-file",
    ),
    pytest.param("vllm", {"model": "Qwen/Qwen3.6-27B-FP8"}, id="vllm-hub-id"),
    pytest.param(
        "dashscope",
        {"messages": [{"role": "user", "content": [FRAMES]}]} | off("dashscope"),
        id="dashscope-frames",
    ),
    pytest.param(
        "dashscope",
        {"messages": [*BEGUN[:-1], BEGUN[-1] | {"partial": True}]} | off("dashscope"),
        id="dashscope-partial",
    ),
    pytest.param("llamacpp", {"messages": BEGUN} | off("llamacpp"), id="llamacpp-prefix"),
    pytest.param("openrouter", {"n": 2, "tools": [ADD]}, id="openrouter-many"),
    pytest.param("ollama", {"model": "qwen3.6:27b"}, id="ollama-tag"),
    pytest.param("llamacpp", {"model": "whatever.gguf"}, id="llamacpp-any-model"),
    pytest.param(
        "dashscope",
        {
            "messages": [
                *HI,
                call(),
                RESULT
                | {
                    "content": [
                        {"type": "text", "text": "3", "cache_control": {"type": "ephemeral"}}
                    ]
                },
            ]
        }
        | off("dashscope"),
        id="dashscope-marked-tool-result",
    ),
]


@pytest.mark.parametrize(("row", "more"), ACCEPTED)
def test_a_request_the_row_allows_is_answered(
    gateway_server: Server, row: str, more: dict[str, Any]
) -> None:
    """The counterpart of the refusals: the server is not too strict either."""
    assert post(gateway_server(row), body_of(row) | more).status_code == 200


def test_a_users_own_row_is_behaved_after() -> None:
    """The rules are the row's facts, not its name."""
    row = Gateway(name="mine", forced_tools="unless_thinking", ranges={"top_k": Range(1, 5)})
    with LoopbackGateway(row) as server:
        forced = post(server, body_of("mine", tools=[ADD], tool_choice="required"))
        ranged = post(server, body_of("mine", top_k=6))
    assert said(forced) == rules.FORCED_WHILE_THINKING
    assert said(ranged) == "Range of top_k should be [1, 5]"
