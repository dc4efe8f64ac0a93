"""What the model behind the loopback gateway says: the same for every gateway, no randomness."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from loopback.schema import Prompt, fill
from loopback.turn import Turn, thinking_budget

_PIECE = re.compile(r"\s*[^\W_]{1,6}|\s*\S|\s+")
_WORD = re.compile(r"[a-z]{3,}")
_ECHO = 200
"""Characters of the user's text that an answer repeats."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `arguments` is the text that goes over the wire."""

    name: str
    arguments: str = "{}"
    id: str | None = None
    """None: made up by the server."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one choice says, before a gateway words it."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    finish: str | None = None
    """None: `tool_calls` where there are calls, else `stop`."""

    @property
    def finish_reason(self) -> str:
        """Why it ends."""
        return self.finish or ("tool_calls" if self.calls else "stop")

    @property
    def spoken(self) -> str:
        """Everything but the thoughts, for counting."""
        return self.text + "".join(call.name + call.arguments for call in self.calls)


def pieces(text: str) -> list[str]:
    """Return the text in tokens, or what stands for them; joined they are the text."""
    return _PIECE.findall(text)


def answer(turn: Turn) -> list[Reply]:
    """One reply for each choice asked for."""
    reply = _limited(turn, _stopped(turn, _reply(turn)))
    count = turn.body.get("n") or 1
    others = [replace(reply, text=f"{reply.text} ({n + 1})") for n in range(1, count)]
    return [reply, *others]


def _reply(turn: Turn) -> Reply:
    reasoning = _thoughts(turn)
    if calls := _calls(turn):
        return Reply(reasoning=reasoning, calls=calls)
    response_format = turn.body.get("response_format") or {}
    match response_format.get("type"):
        case "json_schema":
            found = fill(response_format["json_schema"]["schema"], Prompt(_asked(turn)))
            return Reply(json.dumps(found, ensure_ascii=False), reasoning)
        case "json_object":
            return Reply(json.dumps(_json_object(turn), ensure_ascii=False), reasoning)
        case _:
            return Reply(_text(turn), reasoning)


def _thoughts(turn: Turn) -> str:
    if not turn.thinks:
        return ""
    thoughts = f"The user says {_asked(turn)[:60]!r}. I will answer that."
    budget = thinking_budget(turn)
    return "".join(pieces(thoughts)[:budget])


def _text(turn: Turn) -> str:
    if results := _results(turn):
        return "The tools say: " + "; ".join(text_of(result) for result in results)
    asked = _asked(turn)
    if options := turn.model.translates and turn.body.get("translation_options"):
        return f"[{options['target_lang']}] {asked}"
    images = sum(part.get("type") == "image_url" for part in _last_user(turn))
    seen = f" I see {images} image{'s' * (images != 1)}." if images else ""
    system = text_of(turn.messages[0]) if turn.messages[0]["role"] == "system" else ""
    told = f" I was told: {system[:_ECHO]}" if system else ""
    return f"You said: {asked[:_ECHO]}{seen}{told}{_by_itself(turn)}"


def _by_itself(turn: Turn) -> str:
    """Return what the server did besides answering."""
    able = turn.row.server_features or frozenset()
    words = {"enable_search": "I searched the web.", "enable_code_interpreter": "I ran code."}
    done = [said for name, said in words.items() if name in able and turn.body.get(name)]
    return "".join(f" {said}" for said in done)


def _calls(turn: Turn) -> tuple[Call, ...]:
    tools = turn.tools
    choice = turn.body.get("tool_choice", "auto")
    if turn.row.forced_tools == "never":
        choice = "auto"
    if not tools or choice == "none":
        return ()
    if isinstance(choice, dict):
        chosen = [tool for tool in tools if tool["name"] == choice["function"]["name"]]
    else:
        chosen = _wanted(turn, tools, forced=choice == "required")
    return tuple(_call(turn, tool) for tool in chosen)


def _wanted(turn: Turn, tools: list[dict[str, Any]], *, forced: bool) -> list[dict[str, Any]]:
    """Return the tools the last user message asks for: by name, or else the likeliest one."""
    asked = _asked(turn)
    named = [tool for tool in tools if re.search(rf"\b{tool['name']}\b", asked)]
    about = named or any(_is_about(tool, asked) for tool in tools)
    if not forced and (_results(turn) or not (about or "?" in asked)):
        return []
    called = {call["function"]["name"] for call in _recent_calls(turn)}
    fresh = [tool for tool in tools if tool["name"] not in called] or tools
    if named and not called:
        several = turn.body.get("parallel_tool_calls", turn.dialect.parallel_by_default)
        return named if several else named[:1]
    return [max(fresh, key=lambda tool: _likeness(tool, asked))]


def _is_about(tool: dict[str, Any], asked: str) -> bool:
    """Whether a longer word of the tool's name stands in the question."""
    words = [word for word in re.findall(r"[A-Z]?[a-z]+", tool["name"]) if len(word) > 3]
    return any(re.search(rf"\b{word}\b", asked, re.IGNORECASE) for word in words)


def _likeness(tool: dict[str, Any], asked: str) -> int:
    words = set(_WORD.findall(f"{tool['name']} {tool.get('description', '')}".lower()))
    return len(words & set(_WORD.findall(asked.lower())))


def _call(turn: Turn, tool: dict[str, Any]) -> Call:
    arguments = fill(tool.get("parameters") or {"type": "object"}, Prompt(_asked(turn)))
    return Call(tool["name"], json.dumps(arguments, ensure_ascii=False))


def _json_object(turn: Turn) -> Any:
    """By the schema that stands in the messages, or the keys that the user quotes."""
    for message in reversed(turn.messages):
        if schema := _schema_in(text_of(message)):
            return fill(schema, Prompt(_asked(turn).split("{")[0]))
    keys = re.findall(r"'(\w+)'", _asked(turn)) or ["answer"]
    return {key: f"some {key}" for key in keys}


def _schema_in(text: str) -> dict[str, Any] | None:
    start = text.find("{")
    while start >= 0:
        try:
            found, _ = json.JSONDecoder().raw_decode(text, start)
        except ValueError:
            found = None
        if isinstance(found, dict) and "properties" in found:
            return found
        start = text.find("{", start + 1)
    return None


def _stopped(turn: Turn, reply: Reply) -> Reply:
    stop = turn.body.get("stop") or []
    marks = [stop] if isinstance(stop, str) else stop
    ends = [reply.text.find(mark) for mark in marks if mark in reply.text]
    return replace(reply, text=reply.text[: min(ends)]) if ends else reply


def _limited(turn: Turn, reply: Reply) -> Reply:
    """Cut where the limit falls: within the thoughts, the text or a call's arguments."""
    total = turn.body.get("max_completion_tokens")
    spoken = turn.body.get("max_tokens")
    thought = len(pieces(reply.reasoning))
    if spoken is not None and not turn.dialect.max_tokens_caps_thoughts:
        spoken += thought
    left = min((limit for limit in (total, spoken) if limit is not None), default=None)
    if left is None or left >= thought + len(pieces(reply.spoken)):
        return reply
    reasoning, left = _take(reply.reasoning, left)
    text, left = _take(reply.text, left)
    calls = []
    for call in reply.calls:
        if (left := left - len(pieces(call.name))) <= 0:
            break
        arguments, left = _take(call.arguments, left)
        calls.append(replace(call, arguments=arguments))
    return Reply(text, reasoning, tuple(calls), "length")


def _take(text: str, count: int) -> tuple[str, int]:
    kept = pieces(text)[: max(count, 0)]
    return "".join(kept), count - len(kept)


def text_of(message: dict[str, Any]) -> str:
    """Return the text of a message, whichever form its content has."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part.get("type") == "text")


def _since_user(turn: Turn) -> list[dict[str, Any]]:
    """Return the last question and what follows it.

    A tool's picture sent behind its result is none.
    """
    start = 0
    for place, message in enumerate(turn.messages):
        after_tool = place > 0 and turn.messages[place - 1]["role"] == "tool"
        picture = after_tool and any(p["type"] != "text" for p in _parts_of(message))
        if message["role"] == "user" and not picture:
            start = place
    return turn.messages[start:]


def _last_user(turn: Turn) -> list[dict[str, Any]]:
    users = [m for m in turn.messages if m["role"] == "user"]
    return _parts_of(users[-1]) if users else []


def _parts_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _asked(turn: Turn) -> str:
    since = _since_user(turn)
    return text_of(since[0]) if since else ""


def _results(turn: Turn) -> list[dict[str, Any]]:
    return [m for m in _since_user(turn) if m["role"] == "tool"]


def _recent_calls(turn: Turn) -> list[dict[str, Any]]:
    return [call for m in _since_user(turn) for call in m.get("tool_calls") or ()]
