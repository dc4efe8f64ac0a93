"""What a gateway accepts, and the refusals of what it does not.

The conditions are the row's facts; the texts are the documented ones (dashscope.md §6, the
recordings) where a source prints one. Those that no source prints say `(wording assumed)`.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopback.dialects import Dialect, Model, dialect_of, model_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langchain_qwen36.gateways import Gateway, Range

Body = dict[str, Any]

FORCED_WHILE_THINKING = (
    "<400> InternalError.Algo.InvalidParameter: The tool_choice parameter does not support being "
    "set to required or object in thinking mode"
)
REQUIRED = (
    "<400> InternalError.Algo.InvalidParameter: tool_choice is one of the strings that should be "
    '["none", "auto"]'
)
JSON_WHILE_THINKING = (
    "<400> InternalError.Algo.InvalidParameter: Json mode response is not supported when "
    "enable_thinking is true"
)
NO_JSON_WORD = (
    "<400> InternalError.Algo.InvalidParameter: 'messages' must contain the word 'json' in some "
    "form, to use 'response_format' of type 'json_object'."
)
ONE_SHOT = "parameter.enable_thinking must be set to false for non-streaming calls"
ONE_SHOT_SEARCH = "Non-streaming mode does not support Web Search in thinking mode."
THINKING_ONLY = "The value of the enable_thinking parameter is restricted to True."
BUDGET = (
    "<400> InternalError.Algo.InvalidParameter: The thinking_budget parameter must be a positive "
    "integer and not greater than {}"
)
CONTENT_REQUIRED = (
    "<400> InternalError.Algo.InvalidParameter: The content field is a required field."
)
BROKEN_ARGUMENTS = (
    '<400> InternalError.Algo.InvalidParameter: The "function.arguments" parameter of the code '
    "model must be in JSON format."
)
BAD_ORDER = "<500> InternalError.Algo: list index out of range"
TOOL_ALONE = (
    '<400> InternalError.Algo.InvalidParameter: messages with role "tool" must be a response to a '
    'preceeding message with "tool_calls".'
)
TOOL_MISSING = (
    '<400> InternalError.Algo.InvalidParameter: An assistant message with "tool_calls" must be '
    'followed by tool messages responding to each "tool_call_id".'
)
SYSTEM_FIRST = "System message must be at the beginning."
NAME_RULE = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error, before a gateway's envelope is put around it."""

    status: int
    message: str
    code: str | None = "invalid_parameter_error"
    type: str = "invalid_request_error"
    own: bool = False
    """Whether the gateway itself refuses, where it otherwise passes a provider's refusal on."""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One request that named a known model."""

    row: Gateway
    dialect: Dialect
    body: Body
    bare_model: str
    model: Model
    thinks: bool
    number: int
    """Counts the server's requests; ids and times are made of it."""

    @property
    def messages(self) -> list[dict[str, Any]]:
        """As they came."""
        return self.body.get("messages") or []

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The bound functions, without their wrapping."""
        return [tool["function"] for tool in self.body.get("tools") or ()]

    @property
    def stream(self) -> bool:
        """Whether events are asked for."""
        return bool(self.body.get("stream"))


def read(row: Gateway, body: Body, number: int) -> Turn | Refusal:
    """The turn that a body asks for, or why the gateway refuses it."""
    dialect = dialect_of(row.name)
    wire_id = body.get("model")
    found = model_of(dialect, wire_id) if isinstance(wire_id, str) else None
    if found is None:
        return _unknown_model(dialect, wire_id)
    bare, model = found
    turn = Turn(
        row=row,
        dialect=dialect,
        body=body,
        bare_model=bare,
        model=model,
        thinks=_thinks(row, body, model),
        number=number,
    )
    return next((refusal for rule in RULES for refusal in rule(turn)), turn)


def _unknown_model(dialect: Dialect, wire_id: object) -> Refusal:
    match dialect.envelope:
        case "openrouter":
            return Refusal(400, f"{wire_id} is not a valid model ID", own=True)
        case "vercel":
            return Refusal(404, f"Model '{wire_id}' not found", None, "model_not_found")
        case "vllm":
            return Refusal(404, f"The model `{wire_id}` does not exist.", None, "NotFoundError")
        case _:
            text = f"The model `{wire_id}` does not exist or you do not have access to it."
            return Refusal(404, text, "model_not_found")


def _thinks(row: Gateway, body: Body, model: Model) -> bool:
    said = _thinking_said(row, body)
    if model.thinks == "always" or said is None:
        return model.thinks != "off"
    return said


def _thinking_said(row: Gateway, body: Body) -> bool | None:
    """What the body says where this row reads it; anywhere else it is not seen (P14)."""
    effort = body.get("reasoning_effort")
    match row.thinking:
        case "enable_thinking":
            return body.get("enable_thinking")
        case "chat_template_kwargs":
            return (body.get("chat_template_kwargs") or {}).get("enable_thinking")
        case "reasoning":
            said = {"effort": effort} | (body.get("reasoning") or {})
            if "enabled" in said:
                return said["enabled"]
            wanted = said["effort"] or said.get("max_tokens")
            return None if wanted is None else wanted != "none"
        case "reasoning_effort":
            return None if effort is None else effort != "none"
        case "unsupported":
            return None


def thinking_budget(turn: Turn) -> int | None:
    """Most tokens of thought, where this row reads it."""
    match turn.row.thinking_budget:
        case "reasoning.max_tokens":
            return (turn.body.get("reasoning") or {}).get("max_tokens")
        case "unsupported":
            return None
        case name:
            return turn.body.get(name)


def _roles(turn: Turn) -> Iterator[Refusal]:
    known = {"system", "user", "assistant", "tool"}
    if turn.row.name == "openai-compatible":
        known |= {"developer"}
    if any(message.get("role") not in known for message in turn.messages):
        yield Refusal(400, "Unexpected message role.")
    if turn.row.one_system_message and any(m["role"] == "system" for m in turn.messages[1:]):
        yield Refusal(400, SYSTEM_FIRST)


def _order(turn: Turn) -> Iterator[Refusal]:
    last = turn.messages[-1]["role"] if turn.messages else None
    if turn.row.name == "llamacpp" and last == "assistant" and turn.thinks:
        yield Refusal(400, "Assistant response prefill is incompatible with enable_thinking.")
    elif last not in ("user", "tool") and not turn.messages[-1:][0].get("partial"):
        yield Refusal(500, BAD_ORDER, "internal_error", "internal_error")
    open_calls: set[str] = set()
    for message in turn.messages:
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                yield Refusal(400, TOOL_ALONE)
            open_calls -= {message.get("tool_call_id")}
            continue
        if open_calls:
            yield Refusal(400, TOOL_MISSING)
        open_calls = {call["id"] for call in message.get("tool_calls") or ()}


def _assistant(turn: Turn) -> Iterator[Refusal]:
    for message in turn.messages:
        if message["role"] != "assistant":
            continue
        if turn.dialect.content_required and message.get("content") is None:
            yield Refusal(400, CONTENT_REQUIRED)
        for call in message.get("tool_calls") or ():
            if not _is_json_object(call["function"].get("arguments")):
                yield Refusal(400, BROKEN_ARGUMENTS)
            if turn.row.tool_call_index and not isinstance(call.get("index"), int):
                yield Refusal(400, "Field required: tool_calls.index")  # (wording assumed)


def _is_json_object(text: object) -> bool:
    try:
        return isinstance(text, str) and isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _contents(turn: Turn) -> Iterator[Refusal]:
    for message in turn.messages:
        content = message.get("content")
        if not isinstance(content, list):
            continue
        kinds = {part.get("type") for part in content}
        if message["role"] == "tool" and kinds != {"text"}:
            yield Refusal(400, "only text is supported in tool messages")  # (wording assumed)
        if message["role"] == "tool" and turn.row.tool_call_index and not _marked(content):
            yield Refusal(400, "tool content must be a string")  # (wording assumed)
        if message["role"] in ("system", "assistant") and kinds - {"text"}:
            yield _odd_part(turn)
        if kinds - _parts(turn):
            yield _odd_part(turn)


def _marked(content: list[dict[str, Any]]) -> bool:
    return any("cache_control" in part for part in content)


def _parts(turn: Turn) -> set[str]:
    """The kinds of part that a user may send here."""
    images = {"image_url"} if turn.model.images else set()
    video = {"video_url", "video"} if turn.row.video == "video_url" and images else set()
    files = {"file"} if turn.dialect.files else set()
    return {"text"} | images | video | files


def _odd_part(turn: Turn) -> Refusal:
    if turn.dialect.envelope == "llamacpp":
        return Refusal(400, "unsupported content[].type")
    return Refusal(
        400, "<400> InternalError.Algo.InvalidParameter: Unexpected item type in content."
    )


def _tools(turn: Turn) -> Iterator[Refusal]:
    body = turn.body
    if "tools" in body and not body["tools"]:
        yield Refusal(400, "[] is too short - 'tools'")
    if "tools" not in body and body.get("tool_choice") not in (None, "none"):
        yield Refusal(400, "When using `tool_choice`, `tools` must be set.")
    names = [tool["name"] for tool in turn.tools]
    if not all(NAME_RULE.fullmatch(name) for name in names):
        yield Refusal(400, "Invalid 'tools[0].function.name': string does not match pattern.")
    if turn.dialect.envelope == "dashscope" and "search" in names:
        yield Refusal(400, "Tool names are not allowed to be [search]")
    if names and body.get("n", 1) > 1:
        yield Refusal(400, "n must be 1 when tools are used")  # (wording assumed)


def _forced(turn: Turn) -> Iterator[Refusal]:
    choice = turn.body.get("tool_choice")
    is_named = isinstance(choice, dict)
    if is_named and choice["function"]["name"] not in [tool["name"] for tool in turn.tools]:
        yield Refusal(400, "Tool choice names a function that is not in `tools`.")
    if choice != "required" and not is_named:
        return
    match turn.row.forced_tools:
        case "unless_thinking" | "named_unless_thinking" if turn.thinks:
            yield Refusal(400, FORCED_WHILE_THINKING)
        case "named_unless_thinking" if choice == "required":
            yield Refusal(400, REQUIRED)


def _response_format(turn: Turn) -> Iterator[Refusal]:
    kind = (turn.body.get("response_format") or {}).get("type")
    if kind == "json_object":
        if turn.row.json_object == "unless_thinking" and turn.thinks:
            yield Refusal(400, JSON_WHILE_THINKING)
        if turn.row.json_word and "json" not in json.dumps(turn.messages).lower():
            yield Refusal(400, NO_JSON_WORD)
    if kind == "json_schema" and not (turn.row.json_schema or turn.model.json_schema):
        yield Refusal(400, "response_format type json_schema is not supported")  # (wording assumed)


def _thinking(turn: Turn) -> Iterator[Refusal]:
    body, row = turn.body, turn.row
    if turn.model.thinks == "always" and _thinking_said(row, body) is False:
        yield Refusal(400, THINKING_ONLY)
    budget = thinking_budget(turn)
    if row.thinking_budget == "thinking_budget" and "thinking_budget" in body:
        most = turn.model.max_thinking
        if not isinstance(budget, int) or not 0 < budget <= most:
            yield Refusal(400, BUDGET.format(most))
    effort = (body.get("reasoning") or {}).get("effort") or body.get("reasoning_effort")
    if row.exclusive_effort_and_budget and effort and budget:
        text = 'Only one of "reasoning.effort" and "reasoning.max_tokens" can be specified'
        yield Refusal(400, text, own=True)
    if row.one_shot == "stream_inside" and turn.thinks and not turn.stream:
        if not turn.model.one_shot_thinking:
            yield Refusal(400, ONE_SHOT)
        if body.get("enable_search"):
            yield Refusal(400, ONE_SHOT_SEARCH)


def _limits(turn: Turn) -> Iterator[Refusal]:
    if "stream_options" in turn.body and not turn.stream:
        yield Refusal(400, "Stream options can only be defined when `stream=True`.")
    if turn.body.get("n", 1) > 1 and turn.thinks and turn.row.one_shot == "stream_inside":
        yield Refusal(400, "n must be 1 in thinking mode")  # (wording assumed)
    for name, span in turn.row.ranges.items():
        value = turn.body.get(name)
        size = len(value) if isinstance(value, list) else value
        if isinstance(size, int | float) and not _inside(span, size):
            yield Refusal(400, f"Range of {name} should be {_interval(span)}")


def _inside(span: Range, size: float) -> bool:
    """Read here again, so that the row's own reading of its bounds is checked from outside."""
    low = -math.inf if span.low is None else span.low
    high = math.inf if span.high is None else span.high
    is_open = size in (span.above, span.below)
    above = low if span.above is None else span.above
    below = high if span.below is None else span.below
    return low <= size <= high and above <= size <= below and not is_open


def _interval(span: Range) -> str:
    low = f"({span.above}" if span.low is None else f"[{span.low}"
    below = "inf" if span.below is None else span.below
    high = f"{below})" if span.high is None else f"{span.high}]"
    return f"{low}, {high}"


RULES: tuple[Callable[[Turn], Iterator[Refusal]], ...] = (
    _roles,
    _order,
    _assistant,
    _contents,
    _tools,
    _forced,
    _response_format,
    _thinking,
    _limits,
)
"""In the order in which a request is looked at; the first refusal is the answer."""
