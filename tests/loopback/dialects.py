"""How each gateway words its answers, and which models it knows: facts, no behaviour.

Shapes are those of the recordings (`../shared/wire`) and of the vendors' pages.
What a gateway accepts is not here: that is the row's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

Envelope = Literal[
    "dashscope",
    "shell_api",
    "openrouter",
    "vercel",
    "aimlapi",
    "vllm",
    "flat",
    "llamacpp",
    "openai",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """What is known of a model; the catalogue under test is not asked."""

    thinks: Literal["on", "off", "always"] = "on"
    max_thinking: int = 81_920
    one_shot_thinking: bool = False
    """Whether thinking works without streaming where the gateway is particular about it."""
    open_weights: bool = False
    images: bool = True
    json_schema: bool = False
    max_completion_tokens: bool = False
    """Whether `max_completion_tokens` is taken where the gateway is particular about it."""
    runs_code: bool = True
    """Whether `enable_code_interpreter` is taken."""
    translates: bool = False
    """Whether it only translates, one message at a time."""
    repeats: bool = False
    """Whether each chunk of a stream holds the text from its beginning."""


MODELS: Mapping[str, Model] = {
    "qwen3.6-plus": Model(one_shot_thinking=True, max_completion_tokens=True, runs_code=False),
    "qwen3.6-flash": Model(max_thinking=131_072, max_completion_tokens=True),
    "qwen3.6-max-preview": Model(max_thinking=131_072, images=False),
    "qwen3.7-max": Model(max_thinking=262_144, images=False),
    "qwen3.6-27b": Model(open_weights=True),
    "qwen3.6-35b-a3b": Model(open_weights=True),
    "qwen3.5-plus": Model(one_shot_thinking=True, max_completion_tokens=True),
    "qwen3.5-flash": Model(one_shot_thinking=True, max_completion_tokens=True),
    "qwen-long": Model(thinks="off", images=False),
    "qwen3-max": Model(thinks="off", images=False, json_schema=True),
    "qwq-plus": Model(thinks="always", max_thinking=32_768, images=False),
    "qwen-mt-plus": Model(thinks="off", images=False, translates=True, repeats=True),
    "qwen-mt-flash": Model(thinks="off", images=False, translates=True),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """One gateway's wording; the defaults are those of a plain OpenAI-compatible server."""

    envelope: Envelope = "openai"
    """The shape of an error's body."""
    provider: str | None = None
    """Whose errors are wrapped, where the gateway passes a provider's on."""

    prefix: str = ""
    """What stands before a bare model id."""
    spellings: Mapping[str, str] = field(default_factory=dict)
    """Bare ids that are spelled otherwise."""
    absent: frozenset[str] = frozenset()
    """Bare ids that are not offered."""
    served: Literal["listed", "any_spelling", "open_weights", "anything"] = "listed"
    """`listed`: the ids above; `any_spelling`: under any usual name; `open_weights`: those of them
    that are open; `anything`: not looked at."""
    answers_as: Literal["asked", "dated", "bare"] = "asked"
    """Which spelling of the model comes back."""

    id_prefix: str = "chatcmpl-"
    id_header: str = "x-request-id"
    top: Mapping[str, Any] = field(default_factory=dict)
    """Keys beside `choices`, in answers and chunks alike."""
    reasoning: Literal["reasoning_content", "reasoning", "reasoning_details"] = "reasoning_content"
    """Where thoughts come out; `reasoning_details` come beside `reasoning`."""
    silent_content: str | None = ""
    """`content` of a one-shot answer that only calls tools."""
    call_index: bool = False
    """Whether a one-shot tool call carries its `index`."""
    native_finish: bool = False
    null_logprobs: bool = True
    """Whether a choice says that it has no log probabilities."""

    role: Literal["alone", "first", "every"] = "alone"
    """In which deltas the role stands."""
    opening: Mapping[str, Any] = field(default_factory=lambda: {"content": ""})
    """Beside a role that comes alone."""
    thought: Mapping[str, Any] = field(default_factory=dict)
    """Beside a piece of thought."""
    spoken: Mapping[str, Any] = field(default_factory=dict)
    """Beside a piece of text."""
    calling: Mapping[str, Any] = field(default_factory=dict)
    """Beside a piece of a tool call."""
    closing: Mapping[str, Any] = field(default_factory=dict)
    """The delta that comes with finish_reason."""
    tool_deltas: Literal["by_index", "empty_ids", "opened", "whole"] = "by_index"
    """`opened`: the name comes with the first piece of the arguments."""
    chunk: Mapping[str, Any] = field(default_factory=dict)
    """Keys beside `choices` of every chunk but the one with usage."""
    comments: bool = False
    """Whether comment lines stand before and between events."""
    done: bool = True
    """Whether `[DONE]` ends a stream."""

    usage: Literal["dashscope", "openrouter", "vercel", "aimlapi", "llamacpp", "plain", "bare"] = (
        "plain"
    )
    usage_chunk: Literal["no_choices", "repeats_finish", "with_finish"] = "no_choices"
    usage_unasked: bool = False
    """Whether a stream has usage without `include_usage`."""
    cache_from: int = 256
    """Tokens of common prefix from which an implicit cache hit is reported."""

    parallel_by_default: bool = True
    """Whether several tools are called when the request does not say."""
    max_tokens_caps_thoughts: bool = True
    content_required: bool = False
    """Whether an assistant message must have non-null content."""


_DASHSCOPE = Dialect(
    envelope="dashscope",
    id_header="x-request-id",
    top={"system_fingerprint": None},
    call_index=True,
    role="first",
    thought={"content": None},
    spoken={"reasoning_content": None},
    calling={"content": None, "reasoning_content": None},
    closing={"content": "", "reasoning_content": None},
    tool_deltas="empty_ids",
    chunk={"usage": None},
    usage="dashscope",
    parallel_by_default=False,
    max_tokens_caps_thoughts=False,
    content_required=True,
)

_LLAMACPP = Dialect(
    envelope="llamacpp",
    served="anything",
    top={"system_fingerprint": "b10499-6d05498"},
    null_logprobs=False,
    opening={"content": None},
    tool_deltas="opened",
    usage="llamacpp",
    cache_from=1,
)

DIALECTS: Mapping[str, Dialect] = {
    "dashscope": _DASHSCOPE,
    "apiyi": replace(_DASHSCOPE, envelope="shell_api", usage="plain", usage_unasked=True),
    "openrouter": Dialect(
        envelope="openrouter",
        provider="Alibaba",
        prefix="qwen/",
        spellings={
            "qwen3.5-plus": "qwen/qwen3.5-plus-02-15",
            "qwen3.5-flash": "qwen/qwen3.5-flash-02-23",
        },
        answers_as="dated",
        id_prefix="gen-",
        id_header="x-generation-id",
        top={"provider": "Alibaba"},
        reasoning="reasoning_details",
        silent_content=None,
        call_index=True,
        native_finish=True,
        role="every",
        thought={"content": ""},
        spoken={"reasoning": None, "reasoning_details": []},
        calling={"content": None},
        closing={"content": ""},
        tool_deltas="empty_ids",
        comments=True,
        usage="openrouter",
        usage_chunk="repeats_finish",
        usage_unasked=True,
        content_required=True,
    ),
    "vercel": Dialect(
        envelope="vercel",
        prefix="alibaba/",
        spellings={"qwen3.6-max-preview": "alibaba/qwen-3.6-max-preview"},
        absent=frozenset({"qwen3.6-flash", "qwen3.6-35b-a3b"}),
        id_prefix="gen_",
        id_header="x-vercel-id",
        top={"system_fingerprint": "fp_loopback"},
        reasoning="reasoning_details",
        opening={},
        usage="vercel",
        usage_chunk="with_finish",
        usage_unasked=True,
        content_required=True,
    ),
    "aimlapi": Dialect(
        envelope="aimlapi",
        prefix="alibaba/",
        spellings={"qwen3.5-plus": "alibaba/qwen3.5-plus-20260218"},
        answers_as="bare",
        id_header="x-inference-id",
        top={"system_fingerprint": None},
        role="first",
        thought={"content": None},
        done=False,
        usage="aimlapi",
        content_required=True,
    ),
    "vllm": Dialect(
        envelope="vllm",
        served="open_weights",
        reasoning="reasoning",  # since 0.16 no longer reasoning_content
        silent_content=None,
        cache_from=16,
    ),
    "sglang": Dialect(envelope="flat", served="anything", silent_content=None, cache_from=1),
    "llamacpp": _LLAMACPP,
    "local": _LLAMACPP,
    "ollama": Dialect(
        served="open_weights",
        top={"system_fingerprint": "fp_ollama"},
        reasoning="reasoning",
        role="every",
        thought={"content": ""},
        calling={"content": ""},
        closing={"content": ""},
        tool_deltas="whole",
        null_logprobs=False,
        usage="bare",
    ),
    "openai-compatible": Dialect(),
}


def dialect_of(name: str) -> Dialect:
    """Return the wording of a gateway.

    Regions of one vendor share theirs. A gateway without an entry answers plainly, under whatever
    name it gives a model, with the reasoning where it takes it back.
    """
    if name.startswith("dashscope"):
        return DIALECTS["dashscope"]
    if name in DIALECTS or name not in GATEWAYS:
        return DIALECTS.get(name, DIALECTS["openai-compatible"])
    return Dialect(served="any_spelling", reasoning=GATEWAYS[name].reasoning_field)


OPEN = ("open_weights", "anything")


def model_of(dialect: Dialect, wire_id: str) -> tuple[str, Model] | None:
    """Return the bare id and the facts of the model that `wire_id` names here.

    None: no such model.
    """
    for bare, model in MODELS.items():
        if dialect.served == "listed" and bare not in dialect.absent:
            spelled = dialect.spellings.get(bare, dialect.prefix + bare)
            if wire_id == spelled or wire_id.startswith(spelled + "-20"):
                return bare, model
        if dialect.served == "any_spelling" and bare in _usual(wire_id):
            return bare, model
        if dialect.served in OPEN and model.open_weights and bare in _usual(wire_id):
            return bare, model
    return (wire_id, Model()) if dialect.served == "anything" else None


def _usual(wire_id: str) -> str:
    """Return a hub id.

    A tag or a file name (`Qwen/Qwen3.6-27B-FP8`, `qwen3.6:27b`) in one spelling.
    """
    return wire_id.lower().replace(":", "-")
