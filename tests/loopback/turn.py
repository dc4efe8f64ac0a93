"""One request as the server sees it: whose rules, which model, and whether it thinks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopback.dialects import Dialect, Model, dialect_of, model_of

if TYPE_CHECKING:
    from langchain_qwen36.gateways import Gateway

Body = dict[str, Any]


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


def turn_of(row: Gateway, body: Body, number: int) -> Turn | Refusal:
    """Return the turn that a body asks for, or the refusal of an unknown model."""
    dialect = dialect_of(row.name)
    wire_id = body.get("model")
    found = model_of(dialect, wire_id) if isinstance(wire_id, str) else None
    if found is None:
        return _unknown_model(dialect, wire_id)
    bare, model = found
    return Turn(
        row=row,
        dialect=dialect,
        body=body,
        bare_model=bare,
        model=model,
        thinks=_thinks(row, body, model),
        number=number,
    )


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
    said = thinking_said(row, body)
    if model.thinks == "always" or said is None:
        return model.thinks != "off"
    return said


def thinking_said(row: Gateway, body: Body) -> bool | None:
    """Return the switch that the body has where this row reads it."""
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
