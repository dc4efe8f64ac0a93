"""A serializer for vcrpy whose files can be read and reviewed: bodies stand as what they mean.

A JSON body stands under `json`, a stream under `events`, one event a line, any other body under
`text`. Of JSON only the whitespace is lost.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

Body = dict[str, Any]
"""One of `json`, `events` and `text`; nothing for an empty body."""

_DATA = "data: "


def unpacked(body: str) -> Body:
    """Return what a body means."""
    if not body:
        return {}
    if (found := _parsed(body)) is not None:
        return {"json": found}
    events = _events(body)
    return {"text": body} if events is None else {"events": events}


def packed(body: Mapping[str, Any]) -> str:
    """Return the body that means this."""
    if "json" in body:
        return _written(body["json"])
    if "events" in body:
        return "".join(f"{_line(event)}\n\n" for event in body["events"])
    return body.get("text", "")


def _parsed(text: str) -> Any:
    """JSON that is an object or a list; None for anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) else None


def _written(found: Any) -> str:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def _events(body: str) -> list[Any] | None:
    """Return the events of a plain stream.

    One line each, with an empty line after it; else None.
    """
    *blocks, rest = body.split("\n\n")
    found = [_event(block) for block in blocks]
    return found if blocks and not rest and None not in found else None


def _event(block: str) -> Any:
    """Return a JSON object, or a line of text: a comment, or data that is no object (`[DONE]`)."""
    if "\n" in block or not block.startswith((_DATA, ":")):
        return None
    parsed = _parsed(block.removeprefix(_DATA))
    return parsed if isinstance(parsed, dict) else block


def _line(event: Any) -> str:
    return event if isinstance(event, str) else _DATA + _written(event)


class _OneLine(dict[str, Any]):
    """Written in one line."""


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, the mappings above in one line, lists indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    """Several lines as a block; Unicode's own line breaks, which YAML folds, escaped."""
    odd = any(sign in text for sign in "\x85\u2028\u2029")
    style = '"' if odd else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(
    _OneLine,
    lambda dumper, found: dumper.represent_mapping("tag:yaml.org,2002:map", found, flow_style=True),
)


# libyaml's, where PyYAML has it, reads a file in a tenth of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def yaml_of(text: str) -> dict[str, Any]:
    """Return what a file says."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - either is a safe one


@dataclass(slots=True)
class Readable:
    """What vcrpy calls to read and write a file.

    `head` stands above the exchanges: where they are from, and what they come to. vcrpy looks at
    neither and keeps nothing of a file that it writes anew, so the recorder gives the head.
    """

    head: dict[str, Any] = field(default_factory=dict)

    def serialize(self, cassette: Mapping[str, Any]) -> str:
        """Write the file."""
        exchanges = [
            {"request": _shown(told["request"]), "response": _shown(told["response"])}
            for told in cassette["interactions"]
        ]
        said = {**self.head, "interactions": exchanges, "version": cassette["version"]}
        return yaml.dump(
            said, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf")
        )

    def deserialize(self, text: str) -> dict[str, Any]:
        """Read the file; what vcrpy does not know stands beside what it does."""
        said = yaml_of(text)
        for exchange in said["interactions"]:
            request, response = exchange["request"], exchange["response"]
            exchange["request"] = _told(request) | {"body": packed(request)}
            exchange["response"] = _told(response) | {"body": {"string": packed(response)}}
        return said


def _shown(told: Mapping[str, Any]) -> dict[str, Any]:
    """One side of an exchange: its body unpacked, headers of one value without their list."""
    body = told["body"]
    text = (body["string"] if isinstance(body, dict) else body) or ""
    shown = {name: value for name, value in told.items() if name not in ("body", "headers")}
    headers = {k: v[0] if len(v) == 1 else v for k, v in told["headers"].items()}
    found = unpacked(text)
    if "events" in found:
        found["events"] = [_OneLine(e) if isinstance(e, dict) else e for e in found["events"]]
    return shown | ({"headers": headers} if headers else {}) | found


def _told(shown: Mapping[str, Any]) -> dict[str, Any]:
    """One side of an exchange without its body, headers as vcrpy has them."""
    told = {name: value for name, value in shown.items() if name not in ("json", "events", "text")}
    headers = shown.get("headers", {})
    lists = {name: value if isinstance(value, list) else [value] for name, value in headers.items()}
    return told | {"headers": lists}
