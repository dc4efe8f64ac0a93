"""The same recorded bytes through `ChatOpenAI`: both agree, or the table says why not.

Thoughts are compared apart, for it has none at all. Details of the usage count where they
are not zero: it writes some zeros that no server said.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import openai
import pytest
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_openai import ChatOpenAI
from recorded_errors import ANSWERED, REFUSED
from recordings import RECORDINGS, Replay
from reference import seen

from langchain_qwen36 import ChatQwen36

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage

pytestmark = pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")


class Fault(NamedTuple):
    """What `ChatOpenAI` gets wrong in one field, and how that can be seen from both answers."""

    why: str
    shows: Callable[[Any, Any], bool]
    """Given our value and its value."""


FINISH_DOUBLED = Fault("the reason came twice and was added up", lambda o, t: t == o * 2)
USAGE_SUMMED = Fault(
    "usage on several chunks was added up",
    lambda o, t: (
        t["input_tokens"] > o["input_tokens"] and not t["input_tokens"] % o["input_tokens"]
    ),
)
TAGS_LEFT = Fault("thoughts between tags stayed in the text", lambda o, t: "<think>" in t)
NAME_REPEATED = Fault("the name came twice and was added up", lambda o, t: t[0][0] == o[0][0] * 2)
CUT_CALL_REPAIRED = Fault(
    "arguments cut by max_tokens were closed, and the call can be run",
    lambda o, t: len(t) > len(o),
)
CUT_CALL_HIDDEN = Fault("so no call counts as broken", lambda o, t: bool(o) and not t)
CHOICES_MIXED = Fault("n=2: both choices were added up", lambda o, t: t.startswith(o[:5] * 2))
REASON_UNKNOWN = Fault("the server ended properly and gave no reason", lambda o, t: t is None)
REASON_OF_SERVER = Fault("the server's own word for `stop`", lambda o, t: t in ("eos", "eos_token"))
PART_ABOVE_WHOLE = Fault(
    "more reasoning tokens than output tokens",
    lambda o, t: t["output_token_details"]["reasoning"] > t["output_tokens"],
)
VIDEO_DROPPED = Fault(
    "tokens of the video are left out",
    lambda o, t: o["input_token_details"].keys() == {"video"} and "input_token_details" not in t,
)

BLANK_BEFORE_CALL = Fault(
    "line breaks, or a closing tag, before a call are shown as an answer",
    lambda o, t: o == "" and not t.removeprefix("</think>").strip(),
)
CLOSING_TAG_LEFT = Fault(
    "what a thinking budget leaves of the reasoning stands in the answer",
    lambda o, t: "</think>" in t and t.endswith(o) and "</think>" not in o,
)
STOP_AFTER_CALL = Fault("a forced call ends in stop", lambda o, t: (o, t) == ("tool_calls", "stop"))

FAULTS: Mapping[str, Mapping[str, Fault]] = {
    "dashscope/qwen-turbo-n2-stream.sse": {"text": CHOICES_MIXED, "finish": FINISH_DOUBLED},
    "openrouter/qwen3-30b-a3b-thinking-2507--object-streaming.sse": {"usage": PART_ABOVE_WHOLE},
    "openrouter/grok-parallel-tools-reasoning-stream.sse": {"finish": FINISH_DOUBLED},
    "openrouter/web-search-annotations-stream.sse": {"finish": FINISH_DOUBLED},
    "openrouter/crew-deepseek-r1-finish-null.json": {"finish": REASON_UNKNOWN},
    "openrouter/claude-parallel-reasoning-tools-stream.sse": {"finish": FINISH_DOUBLED},
    "openrouter/video-input.json": {"usage": VIDEO_DROPPED},
    "openrouter/reasoning-delta-17-comments-stream.sse": {"finish": FINISH_DOUBLED},
    "openrouter/claude-reasoning-details-tool-stream.sse": {"finish": FINISH_DOUBLED},
    "openrouter/tool-stream-no-finish-reason-novita.sse": {
        "calls": NAME_REPEATED,
        "finish": REASON_UNKNOWN,
    },
    "vercel-gateway/gemini3-thinking-stream.sse": {"usage": PART_ABOVE_WHOLE},
    "groq/qwen3-32b--object-streaming.sse": {"usage": USAGE_SUMMED},
    "groq/cache-stream-gpt-oss.sse": {"usage": USAGE_SUMMED},
    "hf-router/deepseek-r1-think-stream.sse": {"text": TAGS_LEFT},
    "hf-router/tgi-nospace-stream.sse": {"finish": REASON_OF_SERVER},
    "doubleword/finish-reason-matrix--streaming-tool-calls.sse": {"finish": FINISH_DOUBLED},
    "fireworks/deepseek-r1-stream.sse": {"text": TAGS_LEFT},
    "together/llama-stream.sse": {"finish": REASON_OF_SERVER},
    "together/llama-tool-stream.sse": {"finish": FINISH_DOUBLED},
    "novita/r1-distill-qwen-14b-stream.sse": {"text": TAGS_LEFT},
    "deepseek/streaming-parallel-calls-keep-the-complete-one.sse": {
        "calls": CUT_CALL_REPAIRED,
        "invalid": CUT_CALL_HIDDEN,
    },
    "deepseek/streaming-reasoner-truncated-call-keeps-the-reasoning-block.sse": {
        "calls": CUT_CALL_REPAIRED,
        "invalid": CUT_CALL_HIDDEN,
    },
    "avian/kimi-k25-parallel-tools-stream.sse": {"finish": FINISH_DOUBLED},
    "databricks/qwen3-next-stream.sse": {"usage": USAGE_SUMMED},
    "openrouter/qwen3-235b-parallel-tools-stream-atlascloud.sse": {"text": BLANK_BEFORE_CALL},
    "openrouter/qwen3-235b-parallel-tools-stream-deepinfra.sse": {"text": BLANK_BEFORE_CALL},
    "openrouter/qwen3-235b-parallel-tools.json": {"text": BLANK_BEFORE_CALL},
    "doubleword/prompt-caching--agent-loop.json": {"text": BLANK_BEFORE_CALL},
    "llamacpp/budget-cut-then-forced-tool-call-stream.sse": {"text": BLANK_BEFORE_CALL},
    "llamacpp/budget-cut-then-tool-call.json": {"text": BLANK_BEFORE_CALL},
    "llamacpp/budget-cut-leaves-think-tag-in-content.json": {"text": CLOSING_TAG_LEFT},
    "llamacpp/budget-cut-leaves-think-tag-in-content-stream.sse": {"text": CLOSING_TAG_LEFT},
    "vllm-0.32/qwen3_coder--tool-named.json": {"finish": STOP_AFTER_CALL},
    "vllm-0.32/qwen3_coder--tool-named-stream.sse": {"finish": STOP_AFTER_CALL},
    "vllm-0.32/qwen3_coder--stream-usage-continuous-stream.sse": {"usage": USAGE_SUMMED},
}
"""Every field of every recording in which the two differ."""

SWALLOWED = {
    "gpustack/qwen3-thinking-stream-error-field.sse",
    "vllm/clean-eof-mid-answer-no-finish.sse",
    "issue-excerpts/vllm-qwen3-14b-toolcall-tag-in-content.sse",
    "issue-excerpts/aliyun-proxy-qwen35-35b-delta-and-message.sse",
}
"""Answers that broke off, or failed in words, and that it takes for whole."""


@cache
def clients() -> dict[str, Any]:
    """Return what all models share: a client of its own would read the system's certificates."""
    return {"http_client": httpx.Client(), "http_async_client": httpx.AsyncClient()}


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    """One server for all recordings."""
    with Replay() as server:
        yield server
    clients()["http_client"].close()
    clients.cache_clear()


def ask(model: BaseChatModel, file: str) -> AIMessage:
    """One answer, in the way it was recorded."""
    if RECORDINGS[file].is_stream:
        return add_ai_message_chunks(*model.stream("Hi"))
    return model.invoke("Hi")


def theirs(replay: Replay, file: str) -> AIMessage:
    """Return what `ChatOpenAI` makes of it."""
    where = {"base_url": replay.base_url(file), "api_key": "no-real-key", **clients()}
    return ask(ChatOpenAI(model="qwen3.6-plus", stream_usage=True, max_retries=0, **where), file)


def ours(replay: Replay, file: str) -> AIMessage:
    """Return what we make of it."""
    where = {"base_url": replay.base_url(file), "api_key": "no-real-key"}
    recording = RECORDINGS[file]
    return ask(ChatQwen36(gateway=recording.row, **where, **recording.settings), file)


def compared(message: AIMessage) -> dict[str, Any]:
    """Return the fields that are compared."""
    fields = seen(message)
    fields["calls"] = [call[1:] for call in fields["calls"]]  # it keeps a missing id as it is
    fields["invalid"] = [call[1:] for call in fields["invalid"]]
    if usage := fields["usage"]:
        details = {
            key: {kind: count for kind, count in usage[key].items() if count}
            for key in ("input_token_details", "output_token_details")
            if key in usage
        }
        counts = {key: count for key, count in usage.items() if key not in details}
        fields["usage"] = counts | {key: kinds for key, kinds in details.items() if kinds}
    return fields


@pytest.mark.parametrize("file", ANSWERED)
def test_both_agree_or_it_is_known_why_not(replay: Replay, file: str) -> None:
    """Text, calls, usage and finish reason; each difference has its fault, and shows it."""
    we, they = compared(ours(replay, file)), compared(theirs(replay, file))
    assert they.pop("thoughts") == ""  # the one claim that could end this exception
    del we["thoughts"]
    differing = {field for field in we if we[field] != they[field]}
    faults = FAULTS.get(file, {})
    assert set(faults) == differing
    for field, fault in faults.items():
        assert fault.shows(we[field], they[field]), fault.why


@pytest.mark.parametrize("file", REFUSED)
def test_what_is_an_error_for_us_is_one_for_both_or_swallowed(replay: Replay, file: str) -> None:
    """It raises something too, untyped at times; or it takes half an answer for a whole one."""
    if file not in SWALLOWED:
        with pytest.raises((openai.APIError, TypeError)):
            theirs(replay, file)
    else:
        assert "finish_reason" not in theirs(replay, file).response_metadata
