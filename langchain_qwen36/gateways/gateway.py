"""The facts of a gateway's row; they name the form of requests, never a vendor."""

from __future__ import annotations

# pydantic up to 2.13 resolves a dataclass's annotations even for `InstanceOf[Gateway]`.
from collections.abc import Mapping  # noqa: TC003
from dataclasses import dataclass, field
from typing import Literal

ThinkingSwitch = Literal[
    "enable_thinking",  # a top-level key
    "chat_template_kwargs",  # chat_template_kwargs.enable_thinking
    "reasoning",  # reasoning.enabled
    "reasoning_effort",  # reasoning_effort "none" is off
    "unsupported",
]
BudgetField = Literal[
    "thinking_budget",
    "reasoning.max_tokens",
    "thinking_budget_tokens",  # llama.cpp
    "thinking_token_budget",  # vLLM
    "custom_params.thinking_budget",  # SGLang
    "unsupported",
]
EffortField = Literal["reasoning_effort", "reasoning.effort", "as_budget", "unsupported"]
PreserveField = Literal["preserve_thinking", "chat_template_kwargs", "by_replay"]
ForcedTools = Literal[
    "always",  # "required" and a named tool are both accepted, thinking or not
    "unless_thinking",  # both, but not while thinking
    "named_unless_thinking",  # a named tool only, and not while thinking
    "never",  # tool_choice is not read
]
JsonObject = Literal[
    "always",
    "unless_thinking",
    "as_schema",  # json_object is refused; a json_schema of any object says the same
]
ServerFeature = Literal[
    "enable_search",
    "search_options",
    "enable_code_interpreter",
    "vl_high_resolution_images",
    "translation_options",
    "tool_stream",
]
"""Settings of features that the server runs by itself."""
NonStreaming = Literal[
    "direct",  # one request, one body
    "stream_internally",  # `invoke` streams while thinking may be on
    "never_stream",  # the endpoint answers in one body only, even if `stream` is set
]
Prefill = Literal[
    "partial",  # the last assistant message carries `partial: true`
    "partial_unless_thinking",
    "bare",  # a last assistant message is continued as it is
    "bare_unless_thinking",
    "unsupported",
]
VideoPart = Literal["video_url", "video_url_or_frames", "unsupported"]
AudioPart = Literal["base64", "url"]
Rerank = Literal[
    "rerank",  # Jina's: POST /rerank
    "v1/rerank",  # the same API, below another path than chat
    "model_studio",  # Model Studio's own API
    "unsupported",
]
FilePart = Literal[
    "fileid",  # a system message `fileid://…`, by an uploaded file's id only
    "file_data",  # {"type": "file", "file": {"filename", "file_data"}}
    "data",  # {"type": "file", "file": {"data", "media_type", "filename"}}
    "unsupported",
]


@dataclass(frozen=True, slots=True)
class Range:
    """The range of a numeric setting, or of a list's length; `low` and `high` included."""

    low: float | None = None
    """The minimum, included."""
    high: float | None = None
    """The maximum, included."""
    above: float | None = None
    """A lower limit that is not included."""
    below: float | None = None
    """An upper limit that is not included."""

    def __contains__(self, value: float) -> bool:
        """Return whether a value is within the bounds; NaN never is."""
        return (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and value == value  # noqa: PLR0124 (NaN)
        )

    def __str__(self) -> str:
        bounds = {"at least": self.low, "at most": self.high, "above": self.above}
        bounds_text = [f"{word} {bound}" for word, bound in bounds.items() if bound is not None]
        return " and ".join(
            [*bounds_text, *([] if self.below is None else [f"below {self.below}"])]
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadLimit:
    """The largest file of some formats at a gateway."""

    max_bytes: int
    """Bytes of the largest file."""
    endings: frozenset[str]
    """Endings of such files' names, lower-case with the dot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """The row of a gateway: its form of Chat Completions, as facts.

    The defaults are those of a plain OpenAI-compatible server of which nothing else is known.
    """

    name: str
    """Value of `gateway=` and of `response_metadata["gateway"]`."""
    base_url: str | None = None
    """The URL up to and without `/chat/completions`. None: the user must give it."""
    hosts: tuple[str, ...] = ()
    """Host names of this gateway; a name that starts with a dot matches the end of a host."""
    key_env: tuple[str, ...] = ()
    """Environment variables of the key; the first one set wins."""
    found_by_key: bool = True
    """Whether a key in the environment alone selects the gateway; False if the key has other
    uses."""
    base_url_env: tuple[str, ...] = ()
    """Environment variables of the base URL."""
    needs_key: bool = False
    """Whether a call needs a key."""
    embedded: bool = False
    """Whether this package starts the engine (extra `local`)."""
    self_hosted: bool = False
    """Whether it is a server of your own, whose calls cost nothing."""
    reports_cost: bool = False
    """Whether its responses state the cost of the call, also for models without a list price."""
    billing: Literal["tokens", "batch", "plan"] = "tokens"
    """`tokens`: calls pay the price list; `batch`: calls pay its batch price; `plan`: a
    subscription counts calls or credits, so a call has tokens and no price in money."""
    price_list: str | None = None
    """The gateway whose offers price this one, if it is not its own name."""

    thinking: ThinkingSwitch = "unsupported"
    """The field that switches thinking (docs/quirks.md#where-the-thinking-switch-goes)."""
    thinking_budget: BudgetField = "unsupported"
    """The field of a budget of reasoning tokens (docs/quirks.md#thinking-budget)."""
    thinking_budgets: Range = Range()
    """The budgets that the gateway takes for any model; others are moved into it, with a note."""
    reasoning_effort: EffortField = "unsupported"
    """The field of an effort; `as_budget` makes it a share of the model's maximum.

    See docs/quirks.md#reasoning-effort.
    """
    preserve_thinking: PreserveField = "by_replay"
    """The field that keeps earlier turns' reasoning; `by_replay` only sends the reasoning back.

    See docs/quirks.md#preserved-thinking.
    """
    efforts: tuple[str, ...] | None = None
    """The efforts that the gateway takes; None: the gateway decides."""
    exclusive_effort_and_budget: bool = False
    """Whether effort and budget must not be sent together."""

    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    """The name under which an assistant message sends its reasoning back.

    See docs/quirks.md#reasoning-sent-back-in-tool-loops.
    """
    reasoning_details: bool = False
    """Whether `reasoning_details` are sent back, unmodified (docs/quirks.md#reasoning-details)."""
    think_tags: Literal["paired", "lone"] = "paired"
    """`lone`: text before a `</think>` without its opening tag is reasoning, if thinking is known
    to be on and no structured reasoning came: a server started without a reasoning parser
    (docs/quirks.md#think-tags-in-the-text). Until the tag comes, such an answer cannot be
    streamed."""

    one_system_message: bool = False
    """Whether all system messages are joined to one at the front.

    See docs/quirks.md#several-system-messages.
    """
    tool_call_index: bool = False
    """Whether a tool call in the history carries its `index`."""
    prefill: Prefill = "unsupported"
    """How an unfinished answer is continued.

    See docs/quirks.md#last-message-from-the-assistant.
    """
    reserved_tool_names: frozenset[str] = frozenset()
    """Names that no tool may have."""
    only_functions: bool = False
    """Whether `tools` holds functions only: those that other vendors run are refused or dropped."""
    inline_refs: bool = False
    """Whether `$ref` in a tool's schema is written out: Qwen's chat template shows the schema
    unchanged, and the servers' parsers read types from it without following `$ref`
    (docs/quirks.md#references-in-tool-schemas)."""
    forced_tools: ForcedTools = "always"
    """Which forced tool choices are accepted (docs/quirks.md#forced-tool-choice-while-thinking)."""
    forced_tool_form: Literal["object", "only_tool"] = "object"
    """How one tool is forced: by its name, or by `required` with no other tool sent."""
    force_tool_kwarg: bool = False
    """Whether the chat template starts a forced call, if chat_template_kwargs.force_tool is set."""
    parallel_tool_calls: bool | None = None
    """The value sent when tools are bound and the user set none.

    See docs/quirks.md#parallel-tool-calls.
    """

    json_schema: bool = True
    """Whether `response_format` json_schema works; False: the model's row says.

    See docs/quirks.md#response-format-while-thinking.
    """
    json_object: JsonObject = "always"
    """Whether json_object is taken, and any `response_format` while thinking."""
    needs_word_json: bool = False
    """Whether json_object needs the word "json" in the messages (docs/quirks.md#the-word-json)."""

    non_streaming: NonStreaming = "direct"
    """How a non-streaming call is sent."""
    first_event_timeout: float | None = None
    """Seconds until the response begins, if the default would give up too early."""
    stream_usage: bool = True
    """Whether `stream_options.include_usage` is sent (docs/quirks.md#usage-of-streams)."""
    insufficient_quota: Literal["throttled", "no_money"] = "no_money"
    """The meaning of the code `insufficient_quota`: a rate limit at one vendor, money elsewhere.

    See docs/quirks.md#rate-limits-that-are-no-rate-limits.
    """
    chinese_terms: bool = False
    """Whether errors also have the vendor's Chinese term, for which its users search."""
    ranges: Mapping[str, Range] = field(default_factory=dict)
    """Settings that the gateway refuses outside a range; checked before sending."""
    n_support: Literal["always", "unless_thinking_or_tools"] = "always"
    """Whether `n` may be above 1."""
    max_completion_tokens_support: Literal["always", "by_model"] = "always"
    """Whether `max_completion_tokens` is accepted; `by_model`: the model's row says."""
    logprobs: Literal["always", "by_model"] = "always"
    """Whether log probabilities are returned on request; `by_model`: the model's row says."""
    ignored_params: frozenset[str] = frozenset()
    """Settings that the gateway accepts and silently ignores."""
    server_features: frozenset[ServerFeature] | None = None
    """The server features that may be requested; None: the gateway decides."""
    search_strategies: frozenset[str] | None = None
    """Values of `search_options["search_strategy"]`; None: the gateway decides."""
    video: VideoPart = "video_url"
    """Which video parts are accepted (docs/quirks.md#video-parts)."""
    audio: AudioPart = "base64"
    """How an `input_audio` part carries its sound; `url` accepts a data URL too."""
    files: FilePart = "unsupported"
    """How a document is sent."""
    uploads: Mapping[str, tuple[UploadLimit, ...]] | None = None
    """Limits of its `/files`, by purpose; None: the gateway decides."""
    rerank: Rerank = "rerank"
    """The API that ranks documents (docs/quirks.md#forms-of-rerank)."""
    temporary_storage: str | None = None
    """The end of its temporary storage's host names, whose `oss://` URLs it reads; None: none."""
    local_files: bool = False
    """Whether a `file://` URL is read: the server opens files of its own machine."""
    max_base64: int | None = None
    """Most characters of one base64 part."""
    default_max_pixels: int = 2_621_440
    """Pixels to which an image is scaled down by default, for estimates of its tokens."""
    media_limits: Mapping[str, Range] = field(default_factory=dict)
    """Ranges outside of which media is refused, by what is measured: `image_side` and `image_ratio`
    (long to short), `image_pixels` and `frame_pixels` (of `min_pixels` and `max_pixels`),
    `total_pixels`, `fps`, `frames` of a video that is a list, and `images`, `base64_images`,
    `videos` of a request."""
    cache_control: bool = False
    """Whether `cache_control` on a content part marks an explicit cache.

    See docs/quirks.md#explicit-prompt-cache.
    """
    cache_markers: int | None = None
    """How many markers count; None: all, as far as is known."""
