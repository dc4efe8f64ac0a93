"""Every recorded body through the reader: all styles agree, and the answer is the recorded one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from answers import agreed, gist, read, recording, request
from inline_snapshot import snapshot

from langchain_qwen36._response import usage
from langchain_qwen36._response.message import partial_message
from langchain_qwen36._response.reader import CompletionReader
from langchain_qwen36.errors import StreamInterruptedError, UnexpectedResponseError

WIRE = Path(__file__).parents[3] / "shared" / "wire"
if not (WIRE / "INDEX.json").exists():
    pytest.skip("the recordings are not on this machine", allow_module_level=True)

ROWS = [row for row in json.loads((WIRE / "INDEX.json").read_text("utf-8")) if row["status"] == 200]
# HTTP 200 all the same: a stream that breaks off, or a body that is no completion.
BROKEN_OFF = {
    "groq/err-in-stream-tool-use-failed.sse",
    "gpustack/qwen3-thinking-stream-error-field.sse",
    "vllm/clean-eof-mid-answer-no-finish.sse",
    "issue-excerpts/vllm-qwen3-14b-toolcall-tag-in-content.sse",
    "issue-excerpts/aliyun-proxy-qwen35-35b-delta-and-message.sse",
}
NO_COMPLETION = {
    "dashscope/http200-not-a-completion.json",
    "dashscope-native/native-tool-json.json",
}
WHOLE = [row["file"] for row in ROWS if row["file"] not in BROKEN_OFF | NO_COMPLETION]


def payloads_of(file: str) -> list[dict]:
    """Return the payloads of one recording."""
    return recording(WIRE / file)[0]


def written(payloads: list[dict]) -> dict[str, Any]:
    """Return what the bytes say of choice 0, read in the plainest way there is."""
    said: dict[str, Any] = {
        "content": "",
        "thoughts": "",
        "args": "",
        "finish": None,
        "usage": None,
    }
    for payload in payloads:
        if usage.counted(payload.get("usage") or {}):
            said["usage"] = payload["usage"]
        for choice in payload.get("choices") or ():
            if choice.get("index"):
                continue
            delta = choice.get("delta") or choice.get("message") or {}
            said["content"] += delta.get("content") or ""
            said["thoughts"] += delta.get("reasoning_content") or delta.get("reasoning") or ""
            for call in delta.get("tool_calls") or ():
                said["args"] += call["function"].get("arguments") or ""
            said["finish"] = choice.get("finish_reason") or said["finish"]
    return said


@pytest.mark.parametrize("file", WHOLE)
def test_every_recording_reads_the_same_in_every_style(file: str) -> None:
    """Text, thoughts, arguments and usage are those of the bytes, in all styles."""
    payloads, done = recording(WIRE / file)
    answer = agreed(payloads, request(gateway="openrouter"), done=done)
    said = written(payloads)
    assert usage.from_wire(said["usage"]) == answer["usage"]
    if "<think>" in said["content"][:10]:
        before, _, after = said["content"].strip().removeprefix("<think>").partition("</think>")
        assert (before.strip(), after.strip()) == (
            answer["thoughts"].strip(),
            answer["text"].strip(),
        )
    else:
        if answer["calls"]:  # line breaks before a call, and a tag left of the reasoning, go
            left = said["content"].removeprefix("</think>")
            said["content"] = said["content"] if left.strip() else ""
        assert (said["content"], said["thoughts"]) == (answer["text"], answer["thoughts"])
    args = [
        json.dumps(args, ensure_ascii=not said["args"].isprintable()) for _, args in answer["calls"]
    ]
    if not answer["invalid"]:
        assert _same_json("".join(args), said["args"])


def _same_json(ours: str, theirs: str) -> bool:
    """Whether two runs of JSON objects are the same but for spelling and empty objects."""
    squeezed = ["".join(text.split()).replace("{}", "") for text in (ours, theirs)]
    decoded = [text.encode().decode("unicode_escape") for text in squeezed]
    return squeezed[0] == squeezed[1] or decoded[0] == decoded[1]


@pytest.mark.parametrize("file", [file for file in WHOLE if file.endswith(".sse")])
def test_a_stream_as_one_shot_is_the_same_answer(file: str) -> None:
    """The message that a server would have sent one-shot reads the same as its stream."""
    payloads, done = recording(WIRE / file)
    said = request(gateway="openrouter")
    streamed = read(payloads, said, done=done).invoke
    calls = [
        {"id": call["id"], "function": {"name": call["name"], "arguments": call["args"]}}
        for call in streamed.tool_calls
    ]
    message = {
        "content": str(streamed.text),
        "reasoning_content": streamed.additional_kwargs.get("reasoning_content"),
        "reasoning_details": streamed.additional_kwargs.get("reasoning_details"),
        "tool_calls": calls,
    }
    metadata = streamed.response_metadata
    choice = {"index": 0, "message": message, "finish_reason": metadata["finish_reason"]}
    one_shot = read([{"choices": [choice], "usage": metadata.get("gateway_usage")}], said).invoke
    assert gist(streamed) | {"invalid": []} == gist(one_shot)


@pytest.mark.parametrize("file", sorted(BROKEN_OFF))
def test_streams_that_break_off_are_errors_with_what_came(file: str) -> None:
    """A recorded stream without an end is never a success."""
    payloads, done = recording(WIRE / file)
    reader = CompletionReader(request())
    for payload in payloads:
        reader.feed(payload)
    with pytest.raises(StreamInterruptedError) as caught:
        reader.finish(done=done)
    said = written(payloads)
    partial = partial_message(reader)
    assert (said["content"], said["thoughts"], len(payloads)) == (
        partial.text,
        partial.additional_kwargs.get("reasoning_content", ""),
        caught.value.chunks,
    )


@pytest.mark.parametrize("file", sorted(NO_COMPLETION))
def test_bodies_that_are_no_completion_are_errors(file: str) -> None:
    """HTTP 200 with something else in it."""
    with pytest.raises(UnexpectedResponseError):
        read(payloads_of(file))


def calls_of(file: str) -> tuple:
    """Return one recording's calls with their arguments' names, invalid calls and finish reason."""
    answer = agreed(payloads_of(file), request(gateway="openrouter"))
    calls = [(name, *args) for name, args in answer["calls"]]
    return calls, [name for name, _ in answer["invalid"]], answer["finish"]


def test_recorded_tool_calls() -> None:
    """The recorded oddities of tool calls, one by one."""
    files = [
        "dashscope/qwen-turbo-tool-stream-14-deltas.sse",
        "openrouter/qwen3-max--object-streaming.sse",
        "openrouter/tool-stream-no-finish-reason-novita.sse",
        "openrouter/EDITED-variant-d-arguments-null.sse",
        "hf-router/glm46-cerebras-parallel-tools-stream.sse",
        "synthetic/fallback-tool-index-starts-at-1.sse",
        "deepseek/streaming-parallel-calls-keep-the-complete-one.sse",
        "deepseek/streaming-reasoner-truncated-call-keeps-the-reasoning-block.sse",
        "avian/kimi-k25-parallel-tools-stream.sse",
        "doubleword/finish-reason-matrix--streaming-tool-calls.sse",
    ]
    assert {file: calls_of(file) for file in files} == snapshot(
        {
            "dashscope/qwen-turbo-tool-stream-14-deltas.sse": (
                [("read_file", "path")],
                [],
                "tool_calls",
            ),
            "openrouter/qwen3-max--object-streaming.sse": (
                [("structured_output", "name", "age", "occupation")],
                [],
                "tool_calls",
            ),
            "openrouter/tool-stream-no-finish-reason-novita.sse": (
                [("llm_version",)],
                [],
                "tool_calls",
            ),
            "openrouter/EDITED-variant-d-arguments-null.sse": (
                [("llm_version",)],
                [],
                "tool_calls",
            ),
            "hf-router/glm46-cerebras-parallel-tools-stream.sse": (
                [("add", "a", "b"), ("multiply", "a", "b")],
                [],
                "tool_calls",
            ),
            "synthetic/fallback-tool-index-starts-at-1.sse": (
                [("read_file", "path")],
                [],
                "tool_calls",
            ),
            "deepseek/streaming-parallel-calls-keep-the-complete-one.sse": (
                [("page_oncall", "team")],
                ["file_report"],
                "length",
            ),
            "deepseek/streaming-reasoner-truncated-call-keeps-the-reasoning-block.sse": (
                [],
                ["file_report"],
                "length",
            ),
            "avian/kimi-k25-parallel-tools-stream.sse": (
                [("add", "a", "b"), ("multiply", "a", "b")],
                [],
                "tool_calls",
            ),
            "doubleword/finish-reason-matrix--streaming-tool-calls.sse": (
                [("ping",)],
                [],
                "tool_calls",
            ),
        }
    )


def test_recorded_reasoning_details() -> None:
    """Recorded items come out whole and in order: types, their fields, and no doubled word."""
    files = [
        "openrouter/gpt5-encrypted-reasoning-tool-stream.sse",
        "openrouter/gemini3-reasoning-tool-stream.sse",
        "openrouter/claude-reasoning-details-tool-stream.sse",
        "vercel-gateway/claude-thinking-sig-stream.sse",
        "openrouter/qwen3-30b-a3b-thinking-2507--streaming.sse",
    ]
    shape = {
        file: [
            {k: v if k in ("type", "format", "index") else len(v or "") for k, v in item.items()}
            for item in agreed(payloads_of(file), request(gateway="openrouter"))["details"]
        ]
        for file in files
    }
    assert shape == snapshot(
        {
            "openrouter/gpt5-encrypted-reasoning-tool-stream.sse": [
                {
                    "type": "reasoning.summary",
                    "summary": 413,
                    "format": "openai-responses-v1",
                    "index": 0,
                },
                {
                    "type": "reasoning.encrypted",
                    "data": 1444,
                    "format": "openai-responses-v1",
                    "id": 53,
                    "index": 0,
                },
            ],
            "openrouter/gemini3-reasoning-tool-stream.sse": [
                {"type": "reasoning.text", "text": 736, "format": "google-gemini-v1", "index": 0},
                {
                    "type": "reasoning.encrypted",
                    "data": 884,
                    "format": "google-gemini-v1",
                    "id": 33,
                    "index": 0,
                },
            ],
            "openrouter/claude-reasoning-details-tool-stream.sse": [
                {
                    "type": "reasoning.text",
                    "text": 211,
                    "format": "anthropic-claude-v1",
                    "index": 0,
                    "signature": 512,
                }
            ],
            "vercel-gateway/claude-thinking-sig-stream.sse": [
                {
                    "type": "reasoning.text",
                    "text": 257,
                    "signature": 576,
                    "format": "anthropic-claude-v1",
                    "index": 0,
                }
            ],
            "openrouter/qwen3-30b-a3b-thinking-2507--streaming.sse": [
                {"type": "reasoning.text", "text": 1039, "format": "unknown", "index": 0}
            ],
        }
    )


def test_recorded_money_ids_and_additions() -> None:
    """What gateways add to an answer is kept in its metadata or additional_kwargs."""
    file = "vercel-gateway/gemini3-thinking-stream.sse"
    metadata = read(payloads_of(file)).merged.response_metadata
    assert (metadata["generationId"], metadata["provider_metadata"]["gateway"]["cost"]) == snapshot(
        ("gen_01KKHTVB9WRC8NGT5ZC2R0D858", "0.000896")
    )
    aiml = read(payloads_of("aimlapi/qwen3.6-plus_nonstream.json")).invoke.response_metadata
    assert aiml["meta"] == snapshot({"usage": {"credits_used": 6398, "usd_spent": 0.003199}})
    router = read(payloads_of("openrouter/web-search-annotations-stream.sse")).merged
    assert (
        router.response_metadata["provider"],
        router.response_metadata["gateway_usage"]["cost"],
        [note["type"] for note in router.additional_kwargs["annotations"]],
    ) == snapshot(
        (
            "OpenAI",
            0.0076509169000000005,
            ["url_citation", "url_citation", "url_citation", "url_citation", "url_citation"],
        )
    )
