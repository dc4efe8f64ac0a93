"""Messages and settings into the body of a request."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, assert_never

import orjson

from langchain_qwen36._wire import messages as wire_messages
from langchain_qwen36._wire import thinking as wire_thinking
from langchain_qwen36._wire import tools as wire_tools
from langchain_qwen36._wire.limits import check_messages, check_settings
from langchain_qwen36._wire.types import Request
from langchain_qwen36.catalog import find_offer
from langchain_qwen36.errors import MessageError, UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import BaseMessage

    from langchain_qwen36._wire.types import Settings, ToolChoice
    from langchain_qwen36.catalog import Model
    from langchain_qwen36.gateways import Gateway

_WHILE_THINKING = "the gateway does not take it while thinking"
_JSON_WORDS = "Answer with one JSON object and nothing else."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """What is decided before a message is looked at."""

    thinking: wire_thinking.Plan
    tools: Sequence[Mapping[str, Any]]
    choice: ToolChoice | None
    response_format: Mapping[str, Any] | None
    hint: Mapping[str, Any] | None
    ask_again: bool
    notes: Mapping[str, str] = field(default_factory=dict)


def build(
    messages: Sequence[BaseMessage],
    settings: Settings,
    gateway: Gateway,
    model: Model | None,
    *,
    stream: bool,
) -> Request:
    """The body to send and what the reader of its answer must know.

    Args:
        messages: The conversation; not touched.
        settings: One call's settings.
        gateway: Its row.
        model: The catalogue's row, None when unknown.
        stream: Whether the answer is to be streamed.

    Raises:
        MessageError: a message or an order that cannot be sent.
        UnsupportedSettingError: a setting that the gateway or the model cannot take.
    """
    plan = _plan(settings, gateway, model)
    check_settings(settings, gateway, model, thinking=plan.thinking.on)
    wire = wire_messages.to_wire(
        messages,
        gateway,
        replay="all" if plan.thinking.keeps_all else settings.replay_reasoning,
        foreign_thoughts=settings.replay_reasoning == "all",
        model=model,
        check_inputs=settings.check_inputs,
    )
    check_messages(wire, settings, gateway, thinking=plan.thinking.on)
    wire = _with_json_words(wire, plan, gateway)
    body: dict[str, Any] = {"model": settings.wire_model, "messages": wire}
    body |= settings.params
    body |= plan.thinking.fields
    body |= _tool_fields(plan, settings, gateway)
    if plan.response_format is not None:
        body["response_format"] = plan.response_format
    if stream:
        body["stream"] = True
        if settings.stream_usage and gateway.stream_usage:
            body["stream_options"] = {"include_usage": True}
    return Request(
        body=_over(body, settings.extra_body),
        gateway=gateway,
        model=model,
        requested_model=settings.model,
        thinking=plan.thinking.on,
        tools=wire_tools.schemas_by_name(plan.tools),
        notes=plan.notes,
        ask_again_without_thinking=plan.ask_again,
        answer_tool=settings.answer_tool,
        used_ids=frozenset(call["id"] for m in wire for call in m.get("tool_calls", ())),
    )


def to_bytes(body: Mapping[str, Any]) -> bytes:
    """A body as JSON.

    Raises:
        MessageError: something in it that JSON cannot say: a set, half an emoji in a name.
    """
    try:
        return orjson.dumps(body)
    except TypeError as error:
        raise MessageError(f"The request cannot be written as JSON: {error}.") from None


def streams_inside(settings: Settings, gateway: Gateway, model: Model | None) -> bool:
    """Whether a call that is not streamed must stream inside (P07, dashscope.md trap 10).

    Raises:
        UnsupportedSettingError: as `build` would.
    """
    match gateway.one_shot:
        case "one_shot":
            return False
        case "stream_inside":
            if settings.params.get("enable_code_interpreter"):
                return True
            return _plan(settings, gateway, model).thinking.on is not False
        case never:
            assert_never(never)


def _plan(settings: Settings, gateway: Gateway, model: Model | None) -> _Plan:
    """Thinking, tools and format together: some of them exclude each other."""
    said = wire_thinking.said_in(settings.extra_body)
    thinking = _thinking(settings, gateway, model, said)
    plan = _Plan(
        thinking=thinking,
        tools=settings.tools,
        choice=settings.tool_choice if settings.tools else None,
        response_format=settings.response_format,
        hint=settings.json_hint,
        ask_again=False,
        notes=thinking.notes,
    )
    forced = plan.choice not in (None, "auto", "none")
    if not forced and plan.response_format is None:
        return plan
    off = None
    if said is None and thinking.on is not False and wire_thinking.can_switch_off(gateway, model):
        silent = replace(settings.thinking, enabled=False)
        off = _thinking(replace(settings, thinking=silent), gateway, model, None)
    if forced:
        plan = _force(plan, settings, gateway, off)
    return _format(plan, gateway, model, off)


def _thinking(
    settings: Settings, gateway: Gateway, model: Model | None, said: bool | None
) -> wire_thinking.Plan:
    offer = find_offer(gateway.prices or gateway.name, settings.model)
    plan = wire_thinking.plan(
        settings.thinking,
        gateway,
        model,
        served=offer.thinking if offer else None,
        with_tools=bool(settings.tools),
        replay=settings.replay_reasoning,
    )
    return plan if said is None else replace(plan, on=said)


def _force(
    plan: _Plan, settings: Settings, gateway: Gateway, off: wire_thinking.Plan | None
) -> _Plan:
    """A forced tool choice, where the row refuses it (P04, DESIGN §4.6).

    Args:
        plan: What is decided so far.
        settings: The policy and the choice.
        gateway: Which choices it takes.
        off: The plan with thinking off; None where it is off, or cannot be switched.
    """
    if (why := _refusal(plan, gateway)) is None:
        return _named(plan, gateway)
    if why == _WHILE_THINKING and off and settings.forced_tool_choice == "disable_thinking":
        note = {"thinking": "Switched off for this call: a tool choice was forced (P04)."}
        return _named(
            replace(plan, thinking=off, notes={**plan.notes, **off.notes, **note}), gateway
        )
    return _as_auto(plan, settings, gateway, off, why)


def _named(plan: _Plan, gateway: Gateway) -> _Plan:
    """A named tool, said as the gateway reads it."""
    match gateway.named_tool:
        case "alone" if isinstance(plan.choice, dict):
            return replace(plan, tools=_chosen(plan), choice="required")
        case "object" | "alone":
            return plan
        case never:
            assert_never(never)


def _refusal(plan: _Plan, gateway: Gateway) -> str | None:
    """Why the gateway would not take the forced choice; None when it does."""
    match gateway.forced_tools:
        case "always":
            return None
        case "never":
            return "the gateway does not read it"
        case "named_unless_thinking" if plan.choice == "required":
            return 'the gateway does not take "required"'
        case "unless_thinking" | "named_unless_thinking":
            return None if plan.thinking.on is False else _WHILE_THINKING
        case never:
            assert_never(never)


def _as_auto(
    plan: _Plan,
    settings: Settings,
    gateway: Gateway,
    off: wire_thinking.Plan | None,
    why: str,
) -> _Plan:
    """The choice left to the model, among the named tool only where one was named."""
    if settings.forced_tool_choice == "error":
        raise UnsupportedSettingError(
            f"`tool_choice={plan.choice!r}` on `gateway={gateway.name!r}`: {why}. Pass "
            '`enable_thinking=False`, `tool_choice="auto"`, or another `forced_tool_choice`.'
        )
    tools = _chosen(plan)
    note = {"tool_choice": f'Sent as "auto": {why} (P04).'}
    # With thinking off, most rows take the name of one tool, which must be one that does nothing.
    can_name = bool(settings.answer_tool) and gateway.forced_tools != "never"
    again = off is not None or (can_name and plan.thinking.on is False)
    return replace(plan, tools=tools, choice="auto", ask_again=again, notes={**plan.notes, **note})


def _chosen(plan: _Plan) -> Sequence[Mapping[str, Any]]:
    """The tools that the choice leaves: the named one, else all."""
    if not isinstance(plan.choice, dict):
        return plan.tools
    name = plan.choice["function"]["name"]
    return [tool for tool in plan.tools if tool.get("function", {}).get("name") == name]


def _format(
    plan: _Plan, gateway: Gateway, model: Model | None, off: wire_thinking.Plan | None
) -> _Plan:
    """The response format that works here, and thinking off where it must be (P35)."""
    wanted = plan.response_format
    if wanted is None or wanted.get("type") not in {"json_object", "json_schema"}:
        return plan
    if wanted["type"] == "json_schema" and not _takes_schema(gateway, model):
        inner = wanted.get("json_schema") or {}
        note = {"response_format": "json_schema is not taken here: json_object, schema in words."}
        plan = replace(
            plan,
            response_format={"type": "json_object"},
            hint=inner.get("schema") or plan.hint,
            notes={**plan.notes, **note},
        )
    match gateway.json_object:
        case "always":
            return plan
        case "unless_thinking":
            if plan.thinking.on is False:
                return plan
            if off is None:
                raise UnsupportedSettingError(
                    f"`response_format` on `gateway={gateway.name!r}` needs thinking off, and here "
                    'it cannot be: use `method="function_calling"` or ask for JSON in words.'
                )
            note = {"thinking": "Switched off for this call: a response format was asked (P35)."}
            return replace(plan, thinking=off, notes={**plan.notes, **off.notes, **note})
        case never:
            assert_never(never)


def _takes_schema(gateway: Gateway, model: Model | None) -> bool:
    return gateway.json_schema or (model is not None and model.json_schema is True)


def _with_json_words(
    messages: list[dict[str, Any]], plan: _Plan, gateway: Gateway
) -> list[dict[str, Any]]:
    """The wish for JSON, and its schema, in the system message, where they must be in words (P34).

    The messages are our own copies by now, so that the caller's stay as they are.
    """
    if plan.response_format is None or plan.response_format.get("type") != "json_object":
        return messages
    if plan.hint is not None:
        schema = orjson.dumps(plan.hint).decode()
        words = f"{_JSON_WORDS} It must fit this JSON schema:\n{schema}"
    elif gateway.json_word and b"json" not in orjson.dumps(_texts(messages)).lower():
        words = _JSON_WORDS
    else:
        return messages
    if messages[0]["role"] != "system":
        return [{"role": "system", "content": words}, *messages]
    first = messages[0]
    told = first["content"]
    if isinstance(told, str):
        return [{**first, "content": f"{told}\n\n{words}"}, *messages[1:]]
    return [{**first, "content": [*told, {"type": "text", "text": f"\n\n{words}"}]}, *messages[1:]]


def _texts(messages: list[dict[str, Any]]) -> list[str]:
    """What is said in words; an image's base64 may hold the letters by chance."""
    texts = []
    for message in messages:
        content = message["content"]
        if isinstance(content, str):
            texts.append(content)
        else:
            texts += [part["text"] for part in content if part["type"] == "text"]
    return texts


def _tool_fields(plan: _Plan, settings: Settings, gateway: Gateway) -> dict[str, Any]:
    """Tools and what goes with them; nothing without tools (T17)."""
    if not plan.tools:
        return {}
    tools = wire_tools.with_inlined_refs(plan.tools) if gateway.inline_refs else list(plan.tools)
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


def _over(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The user's own keys over ours, objects key by key (P14)."""
    merged = dict(body)
    for key, value in extra.items():
        ours = merged.get(key)
        merged[key] = (
            _over(ours, value) if isinstance(ours, dict) and isinstance(value, dict) else value
        )
    return merged
