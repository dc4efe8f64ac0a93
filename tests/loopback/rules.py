"""What a gateway accepts, and the refusals of what it does not.

The conditions are the row's facts; the texts are the documented ones (the vendor's pages,
the recordings) where a source prints one. Those that no source prints say `(wording assumed)`.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from loopback.turn import Refusal, Turn, thinking_budget, thinking_said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langchain_qwen36.gateways import Range

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
CODE_ONE_SHOT = "The code interpreter only supports streaming calls."  # (wording assumed)
CODE_WITH_TOOLS = "The code interpreter and tools cannot be enabled together."  # (wording assumed)
CODE_NO_THINKING = "The code interpreter only supports thinking mode."  # (wording assumed)
CODE_MODEL = "The model does not support enable_code_interpreter."  # (wording assumed)
TRANSLATES_ONE = "Only one user message is allowed for translation."  # (wording assumed)
NO_LANGUAGE = "Field required: translation_options.target_lang"  # (wording assumed)
NAME_RULE = re.compile(r"[A-Za-z0-9_-]{1,64}")


def refusal_of(turn: Turn) -> Refusal | None:
    """Why the gateway refuses a turn; None when it takes it."""
    return next((refusal for rule in _RULES for refusal in rule(turn)), None)


def _roles(turn: Turn) -> Iterator[Refusal]:
    known = {"system", "user", "assistant", "tool"}
    if turn.row.name == "openai-compatible":
        known |= {"developer"}
    if any(message.get("role") not in known for message in turn.messages):
        yield Refusal(400, "Unexpected message role.")
    if turn.row.one_system_message and any(m["role"] == "system" for m in turn.messages[1:]):
        yield Refusal(400, SYSTEM_FIRST)


def _order(turn: Turn) -> Iterator[Refusal]:
    last = turn.messages[-1] if turn.messages else {"role": None}
    if last["role"] == "assistant" and not _continues(turn, last):
        yield _no_prefix(turn)
    elif last["role"] not in ("user", "tool", "assistant"):
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


def _continues(turn: Turn, last: dict[str, Any]) -> bool:
    """Whether a last assistant message is taken as the beginning of the answer."""
    match turn.row.prefill:
        case "bare":
            return True
        case "bare_unless_thinking":
            return not turn.thinks
        case "partial":
            return last.get("partial") is True
        case "partial_unless_thinking":
            return last.get("partial") is True and not turn.thinks
        case "unsupported":
            return False


def _no_prefix(turn: Turn) -> Refusal:
    if turn.row.prefill == "bare_unless_thinking":
        return Refusal(400, "Assistant response prefill is incompatible with enable_thinking.")
    return Refusal(500, BAD_ORDER, "internal_error", "internal_error")


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
        if any(_too_large(turn, part) for part in content):
            yield Refusal(400, "Multimodal file size is too large")  # (wording assumed)
        files = [part["file"] for part in content if part.get("type") == "file"]
        if any(turn.row.files not in file and "file_id" not in file for file in files):
            yield Refusal(400, f"a file needs {turn.row.files}")  # (wording assumed)


def _marked(content: list[dict[str, Any]]) -> bool:
    return any("cache_control" in part for part in content)


def _parts(turn: Turn) -> set[str]:
    """Return the kinds of part that a user may send here; none of the models hears."""
    kinds = {"text"}
    if turn.model.images:
        kinds |= {"image_url"}
    if turn.model.images and turn.row.video != "unsupported":
        kinds |= {"video_url"} | ({"video"} if turn.row.video == "video_url_or_frames" else set())
    if turn.row.files in ("file_data", "data"):
        kinds |= {"file"}
    return kinds


def _too_large(turn: Turn, part: dict[str, Any]) -> bool:
    most = turn.row.max_base64
    url = (part.get("image_url") or part.get("video_url") or {}).get("url", "")
    return most is not None and url.startswith("data:") and len(url) > most + 100


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
    if reserved := turn.row.reserved_tool_names & set(names):
        yield Refusal(400, f"Tool names are not allowed to be [{', '.join(reserved)}]")


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
    is_json = kind in ("json_object", "json_schema")
    if is_json and turn.row.json_object == "unless_thinking" and turn.thinks:
        yield Refusal(400, JSON_WHILE_THINKING)
    needs_word = kind == "json_object" and turn.row.needs_word_json
    if needs_word and "json" not in json.dumps(turn.messages).lower():
        yield Refusal(400, NO_JSON_WORD)
    if kind == "json_schema" and not (turn.row.json_schema or turn.model.json_schema):
        yield Refusal(400, "response_format type json_schema is not supported")  # (wording assumed)


def _thinking(turn: Turn) -> Iterator[Refusal]:
    body, row = turn.body, turn.row
    if turn.model.thinks == "always" and thinking_said(row, body) is False:
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
    if row.efforts and effort and effort not in row.efforts:
        yield Refusal(400, f"reasoning_effort must be one of {', '.join(row.efforts)}")
    if row.non_streaming == "stream_internally" and turn.thinks and not turn.stream:
        if not turn.model.one_shot_thinking:
            yield Refusal(400, ONE_SHOT)
        if body.get("enable_search"):
            yield Refusal(400, ONE_SHOT_SEARCH)


def _code(turn: Turn) -> Iterator[Refusal]:
    """Model Studio: code interpreter, limits."""
    if not turn.body.get("enable_code_interpreter") or not _has(turn, "enable_code_interpreter"):
        return
    if not turn.model.runs_code:
        yield Refusal(400, CODE_MODEL)
    if not turn.stream:
        yield Refusal(400, CODE_ONE_SHOT)
    if turn.tools:
        yield Refusal(400, CODE_WITH_TOOLS)
    if not turn.thinks:
        yield Refusal(400, CODE_NO_THINKING)


def _translation(turn: Turn) -> Iterator[Refusal]:
    """Model Studio: machine translation, limits."""
    if not turn.model.translates:
        return
    if [message["role"] for message in turn.messages] != ["user"]:
        yield Refusal(400, TRANSLATES_ONE)
    if "target_lang" not in (turn.body.get("translation_options") or {"target_lang": ""}):
        yield Refusal(400, NO_LANGUAGE)


def _has(turn: Turn, ability: str) -> bool:
    return turn.row.server_features is not None and ability in turn.row.server_features


def _limits(turn: Turn) -> Iterator[Refusal]:
    if "stream_options" in turn.body and not turn.stream:
        yield Refusal(400, "Stream options can only be defined when `stream=True`.")
    one_only = turn.row.n_support == "unless_thinking_or_tools" and (turn.thinks or turn.tools)
    if one_only and turn.body.get("n", 1) > 1:
        yield Refusal(400, "n must be 1 while thinking or with tools")  # (wording assumed)
    uncapped = (
        turn.row.max_completion_tokens_support == "by_model"
        and not turn.model.max_completion_tokens
    )
    if uncapped and "max_completion_tokens" in turn.body:
        yield Refusal(400, "max_completion_tokens is not supported")  # (wording assumed)
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


_RULES: tuple[Callable[[Turn], Iterator[Refusal]], ...] = (
    _roles,
    _order,
    _assistant,
    _contents,
    _tools,
    _forced,
    _response_format,
    _thinking,
    _code,
    _translation,
    _limits,
)
"""In the order in which a request is looked at; the first refusal is the answer."""
