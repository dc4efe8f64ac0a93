"""Replies and refusals in a gateway's own words: bodies, stream chunks, error envelopes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from loopback.brain import pieces
from loopback.usage import CREDITS, Count, usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback.brain import Call, Reply
    from loopback.dialects import Dialect
    from loopback.turn import Refusal, Turn

JSONObject = dict[str, Any]

_EPOCH = 1_790_000_000


def request_id(number: int) -> str:
    """Return the id of a server's n-th request, in the form Alibaba's have."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def headers(dialect: Dialect, number: int) -> dict[str, str]:
    """Return the id, under the name this gateway sends it."""
    return {dialect.id_header: request_id(number)}


def one_shot(turn: Turn, replies: list[Reply], count: Count) -> JSONObject:
    """Return a whole answer."""
    choices = [_choice(turn, place, reply) for place, reply in enumerate(replies)]
    if turn.dialect.usage == "vercel":
        choices[0]["message"]["provider_metadata"] = _vercel_money(turn, count)
    body = _top(turn, "chat.completion") | {"choices": choices, "usage": usage(turn, count)}
    return body | _beside(turn, count)


def money_headers(turn: Turn, count: Count) -> dict[str, str]:
    """Return what AI/ML API says of money in the headers of one-shot answers."""
    if turn.dialect.usage != "aimlapi":
        return {}
    return {
        "x-aimlapi-usd-spent": str(count.cost),
        "x-aimlapi-credits-used": str(round(count.cost * CREDITS)),
    }


def _choice(turn: Turn, place: int, reply: Reply) -> JSONObject:
    dialect = turn.dialect
    message: JSONObject = {"role": "assistant", "content": reply.text}
    if reply.calls and not reply.text:
        message["content"] = dialect.silent_content
    if reply.reasoning:
        message |= _thought(dialect, reply.reasoning)
    if reply.calls:
        message["tool_calls"] = [
            _call(turn, number, call) | ({"index": number} if dialect.call_index else {})
            for number, call in enumerate(reply.calls)
        ]
    choice = {"index": place, "message": message, **_finish(dialect, reply.finish_reason)}
    return choice | _logprobs(turn, pieces(reply.text))


def _call(turn: Turn, place: int, call: Call) -> JSONObject:
    made_up = f"call_{turn.number:08x}{place:016x}"
    return {
        "id": call.id or made_up,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _thought(dialect: Dialect, text: str) -> JSONObject:
    if dialect.reasoning != "reasoning_details":
        return {dialect.reasoning: text}
    item = {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}
    return {"reasoning": text, "reasoning_details": [item]}


def _finish(dialect: Dialect, reason: str | None) -> JSONObject:
    """`tool_calls` from Alibaba arrives with the native reason `stop`."""
    if not dialect.native_finish:
        return {"finish_reason": reason}
    native = "stop" if reason == "tool_calls" else reason
    return {"finish_reason": reason, "native_finish_reason": native}


def _logprobs(turn: Turn, tokens: list[str]) -> JSONObject:
    """Alibaba's own servers have none for these models."""
    if not turn.body.get("logprobs") or turn.dialect.usage == "dashscope":
        return {"logprobs": None} if turn.dialect.null_logprobs else {}
    return {"logprobs": {"content": [_logprob(turn, token) for token in tokens]}}


def _logprob(turn: Turn, token: str) -> JSONObject:
    entry = {"token": token, "logprob": -0.125, "bytes": list(token.encode())}
    return entry | {"top_logprobs": [entry] * (turn.body.get("top_logprobs") or 0)}


def _top(turn: Turn, kind: str) -> JSONObject:
    dialect = turn.dialect
    return {
        "id": dialect.id_prefix + request_id(turn.number),
        "object": kind,
        "created": _EPOCH + turn.number,
        "model": _model(turn),
        **dialect.top,
    }


def _model(turn: Turn) -> str:
    match turn.dialect.answers_as:
        case "asked":
            return turn.body["model"]
        case "dated":
            return f"{turn.body['model']}-04-02"
        case "bare":
            return turn.bare_model


def _beside(turn: Turn, count: Count) -> JSONObject:
    """Return the fields that accompany `usage`: AI/ML API's money, Vercel's id."""
    match turn.dialect.usage:
        case "aimlapi":
            credits_used = round(count.cost * CREDITS)
            return {"meta": {"usage": {"credits_used": credits_used, "usd_spent": count.cost}}}
        case "vercel":
            return {"generationId": turn.dialect.id_prefix + request_id(turn.number)}
        case _:
            return {}


def _vercel_money(turn: Turn, count: Count) -> JSONObject:
    amount = f"{count.cost:.8f}"
    money = dict.fromkeys(("cost", "marketCost", "inferenceCost"), amount)
    routing = {"finalProvider": "alibaba", "canonicalSlug": turn.body["model"]}
    return {"gateway": {"routing": routing, **money, **_beside(turn, count)}}


def chunks(turn: Turn, replies: list[Reply], count: Count) -> Iterator[JSONObject]:
    """Return the answer in stream chunks; choices come by turns."""
    waiting = [_choice_chunks(turn, place, reply) for place, reply in enumerate(replies)]
    asked = (turn.body.get("stream_options") or {}).get("include_usage")
    with_usage = asked or turn.dialect.usage_unasked
    where = turn.dialect.usage_chunk
    while waiting:
        for source in list(waiting):
            choice = next(source, None)
            if choice is None:
                waiting.remove(source)
                continue
            last = choice.get("finish_reason") is not None and where == "with_finish"
            if last and with_usage and len(waiting) == 1:
                choice["delta"]["provider_metadata"] = _vercel_money(turn, count)
                yield _chunk(turn, [choice]) | _money(turn, count)
            else:
                yield _chunk(turn, [choice]) | dict(turn.dialect.chunk)
    if with_usage and where != "with_finish":
        choices = [_repeated(turn, replies[0])] if where == "repeats_finish" else []
        yield _chunk(turn, choices) | _money(turn, count)


def _money(turn: Turn, count: Count) -> JSONObject:
    return {"usage": usage(turn, count)} | _beside(turn, count)


def _repeated(turn: Turn, reply: Reply) -> JSONObject:
    """Return the choice beside usage that says finish_reason a second time."""
    delta = {"role": "assistant", "content": ""}
    return {"index": 0, "delta": delta, **_finish(turn.dialect, reply.finish_reason)}


def _chunk(turn: Turn, choices: list[JSONObject]) -> JSONObject:
    return _top(turn, "chat.completion.chunk") | {"choices": choices}


def _choice_chunks(turn: Turn, place: int, reply: Reply) -> Iterator[JSONObject]:
    dialect = turn.dialect
    role = {"role": "assistant"}
    if dialect.role == "alone":
        yield _delta_choice(turn, place, role | dict(dialect.opening), [])
    first = dialect.role == "first"
    for delta, tokens in _deltas(turn, reply):
        is_closer = dialect.tool_deltas == "empty_ids" and tokens is None
        said = role | delta if dialect.role == "every" or first else delta
        first = False
        if is_closer:  # without finish_reason and logprobs
            yield {"index": place, "delta": said}
        else:
            yield _delta_choice(turn, place, said, tokens or [])
    closing = dict(dialect.closing) | (role if dialect.role == "every" or first else {})
    yield {"index": place, "delta": closing, **_finish(dialect, reply.finish_reason)}


def _delta_choice(turn: Turn, place: int, delta: JSONObject, tokens: list[str]) -> JSONObject:
    ending = _finish(turn.dialect, None) | _logprobs(turn, tokens)
    return {"index": place, "delta": delta, **ending}


def _deltas(turn: Turn, reply: Reply) -> Iterator[tuple[JSONObject, list[str] | None]]:
    """Deltas, and the tokens of text in each; None marks the last delta of a tool call."""
    dialect = turn.dialect
    for piece in pieces(reply.reasoning):
        yield dict(dialect.thought) | _thought(dialect, piece), []
    said = ""
    for piece in pieces(reply.text):
        said = said + piece if turn.model.repeats else piece
        yield dict(dialect.spoken) | {"content": said}, [piece]
    for place, call in enumerate(reply.calls):
        parts = list(_call_deltas(turn, place, call))
        for number, part in enumerate(parts, start=1):
            tokens = None if number == len(parts) else []
            yield dict(dialect.calling) | {"tool_calls": [part]}, tokens


def _call_deltas(turn: Turn, place: int, call: Call) -> Iterator[JSONObject]:
    whole = _call(turn, place, call)
    if turn.dialect.tool_deltas == "whole":
        yield {"index": place, **whole}
        return
    first, *rest = pieces(call.arguments)
    if turn.dialect.tool_deltas != "opened":
        first, rest = "", [first, *rest]
    yield {"index": place, **whole, "function": {"name": call.name, "arguments": first}}
    for piece in rest:
        yield {"index": place, "function": {"arguments": piece}} | _continued(turn.dialect)
    if turn.dialect.tool_deltas == "empty_ids":
        yield {"index": place, "function": {"arguments": ""}} | _continued(turn.dialect)


def _continued(dialect: Dialect) -> JSONObject:
    """Return what a continuation repeats: Alibaba an empty id and the type."""
    return {"id": "", "type": "function"} if dialect.tool_deltas == "empty_ids" else {}


def envelope(  # noqa: PLR0911 - one return for each shape
    dialect: Dialect, refusal: Refusal, number: int, path: str
) -> JSONObject:
    """Return a refusal in the gateway's own shape (recordings)."""
    error: JSONObject = {"message": refusal.message, "type": refusal.type}
    coded = error | {"param": None, "code": refusal.code}
    rid = request_id(number)
    match dialect.envelope:
        case "dashscope":
            return {"error": coded, "id": f"chatcmpl-{rid}", "request_id": rid}
        case "shell_api":
            shown = f"{refusal.message} (request id: {rid})"
            own = {"message": shown, "localized_message": shown, "type": "shell_api_error"}
            return {"error": own | {"param": "", "code": refusal.code}}
        case "openrouter":
            return {"error": _openrouter_error(dialect, refusal, coded), "user_id": "user_loopback"}
        case "vercel":
            return {"error": coded, "generationId": f"gen_{rid}"}
        case "aimlapi":
            own = {"message": refusal.message, "path": path, "requestId": rid}
            return own | {"statusCode": refusal.status, "timestamp": "2026-11-21T00:00:00.000Z"}
        case "vllm":
            return {"error": error | {"param": None, "code": refusal.status}}
        case "flat":
            return {"object": "error", **error, "param": None, "code": refusal.status}
        case "llamacpp":
            return {"error": error | {"code": refusal.status}}
        case "openai":
            return {"error": coded}


def _openrouter_error(dialect: Dialect, refusal: Refusal, coded: JSONObject) -> JSONObject:
    if refusal.own:
        return {"code": refusal.status, "message": refusal.message}
    raw = json.dumps({"error": coded})
    metadata = {"raw": raw, "provider_name": dialect.provider, "is_byok": False}
    return {"code": refusal.status, "message": "Provider returned error", "metadata": metadata}
