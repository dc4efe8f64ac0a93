"""Build the body of a request from messages and settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, assert_never

import orjson
from langchain_core.messages import HumanMessage

from langchain_qwen36._content.history import ends_with_an_answer
from langchain_qwen36._content.json_arguments import lenient_json
from langchain_qwen36._content.tool_names import legal_tool_name
from langchain_qwen36._request import cache_control
from langchain_qwen36._request import messages as wire_messages
from langchain_qwen36._request import tools as wire_tools
from langchain_qwen36._request.history_policy import HistoryPolicy
from langchain_qwen36._request.json_schema import normalize_schema
from langchain_qwen36._request.planning import plan_request
from langchain_qwen36._request.sent_tool_names import ToolNames
from langchain_qwen36._request.types import NO_THINKING_SETTINGS, Request
from langchain_qwen36._request.validation import (
    check_messages,
    check_settings,
    ignored_setting_notes,
)
from langchain_qwen36.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langchain_core.messages import BaseMessage

    from langchain_qwen36._request.request_plan import RequestPlan
    from langchain_qwen36._request.types import Settings
    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway

_COPIED_BELOW = 4096
_JSON_WORDS = "Answer with one JSON object and nothing else."
_FORM_WORDS = "Give this answer in the form that is asked for."


def build(
    messages: Sequence[BaseMessage],
    settings: Settings,
    gateway: Gateway,
    model: Model | None,
    *,
    stream: bool,
) -> Request:
    """Build the body to send, with the context that is needed to read the response.

    Args:
        messages: The conversation; not changed.
        settings: One call's settings.
        gateway: The gateway's row.
        model: The catalogue's row of the model; None if it is unknown.
        stream: Whether the caller wants a stream; some calls must stream inside even if not.

    Raises:
        MessageError: a message or an order that cannot be sent.
        UnsupportedSettingError: a setting that the gateway or the model cannot take.
    """
    policy = HistoryPolicy(strict=settings.strict_history)
    plan = plan_request(settings, gateway, model)
    names = ToolNames(plan.tools, gateway, policy)
    if plan.tools:
        plan = replace(plan, tools=names.tools(plan.tools), choice=names.choice(plan.choice))
    check_settings(settings, gateway, model, thinking=plan.thinking.on)
    stream = _streams(plan, gateway, wanted=stream)
    notes = {**plan.notes, **ignored_setting_notes(settings, gateway, model)}
    if _asks_for_form(settings) and ends_with_an_answer(messages):
        messages = [*messages, HumanMessage(_FORM_WORDS)]
        notes = {**notes, "messages": f"{_FORM_WORDS!r} was added behind the last answer."}
    wire = _messages(messages, settings, plan, model, names)
    return Request(
        body=_over(_body(wire, settings, plan, gateway, stream=stream), settings.extra_body),
        gateway=gateway,
        model=model,
        requested_model=settings.model,
        thinking=plan.thinking.on,
        tools=wire_tools.schemas_by_name(plan.tools, may_have_refs=_may_have_refs(settings)),
        renamed_tools=names.renamed,
        notes={**notes, **policy.notes},
        retry_if_no_tool_call=plan.ask_again,
        answer_tool=settings.answer_tool,
        include_headers=settings.include_headers,
        offer=settings.offer,
        price_discount=settings.price_discount,
        used_ids=frozenset(call["id"] for m in wire for call in m.get("tool_calls", ())),
    )


def _messages(
    messages: Sequence[BaseMessage],
    settings: Settings,
    plan: RequestPlan,
    model: Model | None,
    names: ToolNames,
) -> list[dict[str, Any]]:
    """Convert the conversation, with its cache markers and the request for JSON."""
    gateway = names.gateway
    wire = wire_messages.to_wire(
        messages,
        gateway,
        replay="all" if plan.thinking.replays_all_turns else settings.replay_reasoning,
        foreign_thoughts=settings.replay_reasoning == "all",
        model=model,
        force=settings.force,
        names=names,
    )
    check_messages(wire, settings, gateway, model, thinking=plan.thinking.on)
    if settings.prompt_cache and gateway.cache_control:
        wire = cache_control.add_cache_markers(wire, plan.tools, gateway, settings.prompt_cache)
    return _with_json_words(wire, plan, gateway)


def _asks_for_form(settings: Settings) -> bool:
    """Return whether a response format or a forced tool asks for another answer."""
    forced = settings.tool_choice not in (None, "auto", "none")
    return forced or settings.response_format is not None


def _body(
    messages: list[dict[str, Any]],
    settings: Settings,
    plan: RequestPlan,
    gateway: Gateway,
    *,
    stream: bool,
) -> dict[str, Any]:
    """Build the body except for the caller's own keys."""
    body: dict[str, Any] = {"model": settings.wire_model, "messages": messages}
    # Objects in `model_kwargs` and in our fields are merged key by key; our settings win.
    under, over = settings.params, plan.thinking.fields
    if settings.thinking == NO_THINKING_SETTINGS:
        under, over = over, under
    body = _over(_over(body, under), over)
    body |= _tool_fields(plan, settings, gateway)
    if plan.response_format is not None:
        body["response_format"] = _response_format(plan.response_format)
    if stream:
        body["stream"] = True
        if settings.stream_usage and gateway.stream_usage:
            body["stream_options"] = {"include_usage": True}
    else:
        body.pop("tool_stream", None)  # nothing is streamed
    return body


def _response_format(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the format with a legal name, and a schema that every server accepts."""
    match wanted:
        case {"type": "json_schema", "json_schema": {"schema": dict(schema), **label}}:
            if isinstance(name := label.get("name"), str):
                label["name"] = legal_tool_name(name)
            inner = {**label, "schema": normalize_schema(schema)}
            return {**wanted, "json_schema": inner}
        case _:
            return wanted


def to_bytes(body: Mapping[str, Any]) -> bytes:
    """Write a body as JSON; half a surrogate pair in a text is replaced, as in a message.

    A description that a JavaScript server cut by its length ends in one, and Rust writes the
    largest number of 128 bits into a schema, which orjson refuses too.

    Raises:
        MessageError: JSON cannot hold a value, such as a set.
    """
    try:
        written = orjson.dumps(body)
    except TypeError:
        try:
            return lenient_json(body, _plain).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise MessageError(f"The request cannot be written as JSON: {error}.") from None
    # orjson 3.13 leaves 4 KB behind a short text, which a call holds as long as it waits.
    return bytes(memoryview(written)) if len(written) < _COPIED_BELOW else written


def _plain(value: Any) -> Any:
    """Return a date, a UUID or a dataclass as orjson writes it."""
    return orjson.loads(orjson.dumps(value))


def _streams(plan: RequestPlan, gateway: Gateway, *, wanted: bool) -> bool:
    """Return whether the request asks for a stream, which the caller need not have wanted."""
    match gateway.non_streaming:
        case "direct":
            return wanted
        case "stream_internally":
            return wanted or plan.thinking.on is not False
        case "never_stream":
            return False
        case never:
            assert_never(never)


def json_words(plan: RequestPlan, gateway: Gateway, *, has_json: Callable[[], bool]) -> str:
    """Return the words that ask for JSON, with the schema; empty if the server needs none.

    Args:
        plan: The plan of the request.
        gateway: The gateway's row.
        has_json: Whether the messages speak of JSON already; asked only where that decides.
    """
    if plan.response_format is None or plan.response_format.get("type") != "json_object":
        return ""
    if plan.hint is not None:
        return f"{_JSON_WORDS} It must fit this JSON schema:\n{to_bytes(plan.hint).decode()}"
    return _JSON_WORDS if gateway.needs_word_json and not has_json() else ""


def _with_json_words(
    messages: list[dict[str, Any]], plan: RequestPlan, gateway: Gateway
) -> list[dict[str, Any]]:
    """Ask for JSON in the system message, with the schema, if the gateway needs it in words.

    See docs/quirks.md#the-word-json.

    The messages are our own copies here; the caller's are not changed.
    """
    words = json_words(
        plan, gateway, has_json=lambda: b"json" in orjson.dumps(_texts(messages)).lower()
    )
    if not words:
        return messages
    if messages[0]["role"] != "system":
        return [{"role": "system", "content": words}, *messages]
    first = messages[0]
    content = first["content"]
    if isinstance(content, str):
        return [{**first, "content": f"{content}\n\n{words}"}, *messages[1:]]
    return [
        {**first, "content": [*content, {"type": "text", "text": f"\n\n{words}"}]},
        *messages[1:],
    ]


def _texts(messages: list[dict[str, Any]]) -> list[str]:
    """Return the text of the messages; the base64 of an image may contain "json" by chance."""
    texts = []
    for message in messages:
        content = message["content"]
        if isinstance(content, str):
            texts.append(content)
        else:
            texts += [part["text"] for part in content if part["type"] == "text"]
    return texts


def _tool_fields(plan: RequestPlan, settings: Settings, gateway: Gateway) -> dict[str, Any]:
    """Return `tools` and the fields that go with it; {} if empty: servers refuse `tools: []`."""
    if not plan.tools:
        return {}
    inline = gateway.inline_refs and _may_have_refs(settings)
    tools = wire_tools.with_inlined_refs(plan.tools) if inline else list(plan.tools)
    if not gateway.cache_control:
        tools = [{k: v for k, v in tool.items() if k != "cache_control"} for tool in tools]
    fields: dict[str, Any] = {"tools": tools}
    if plan.choice is not None:
        fields["tool_choice"] = plan.choice
    parallel = settings.parallel_tool_calls
    if parallel is None:
        parallel = gateway.parallel_tool_calls
    if parallel is not None:
        fields["parallel_tool_calls"] = parallel
    return fields


def _may_have_refs(settings: Settings) -> bool:
    """Return whether a tool's schema may hold `$ref`; bound tools are searched once."""
    tools = settings.tools
    return tools.may_have_refs if isinstance(tools, wire_tools.WireTools) else True


def _over(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the caller's own keys, which win, objects key by key."""
    merged = dict(body)
    for key, value in extra.items():
        ours = merged.get(key)
        merged[key] = (
            _over(ours, value) if isinstance(ours, dict) and isinstance(value, dict) else value
        )
    return merged
