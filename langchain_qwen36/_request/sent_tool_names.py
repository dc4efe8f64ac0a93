"""Choose the names under which tools are sent: renamed if the server refuses the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_qwen36._content.tool_names import LEGAL, legal_tool_name, match_tool_name
from langchain_qwen36._request.tools import names_of
from langchain_qwen36.errors import UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from langchain_qwen36._request.history_policy import HistoryPolicy
    from langchain_qwen36._request.tools import Tool
    from langchain_qwen36._request.types import ToolChoice
    from langchain_qwen36.gateways import Gateway


class ToolNames:
    """The bound tools of one call, and the name under which each is sent."""

    def __init__(
        self, tools: Sequence[Mapping[str, Any]], gateway: Gateway, policy: HistoryPolicy
    ) -> None:
        self.gateway, self.policy = gateway, policy
        self._reserved = gateway.reserved_tool_names
        self._sent: dict[str, str] = {}
        taken: set[str] = set()
        for name in names_of(tools):
            if name in self._reserved and policy.strict:
                raise UnsupportedSettingError(
                    f"`gateway={gateway.name!r}` refuses a tool called {name!r}: rename it."
                )
            self._sent[name] = _unused(self._accepted(name), taken)
            taken.add(self._sent[name])
        self.renamed = {wire: user for user, wire in self._sent.items() if wire != user}
        """The user's name of each tool that is sent under another one."""
        if self.renamed:
            sent = ", ".join(f"{user!r} as {wire!r}" for wire, user in self.renamed.items())
            policy.adapt("tool_names", f"Sent under another name, and read back: {sent}.")

    def sent(self, name: str) -> str:
        """Return the name to send for a tool call of the history."""
        user = match_tool_name(name, self._sent)
        if user is not None:
            return self._sent[user]
        wire = self._accepted(name)
        if wire != name:
            self.policy.adapt(
                "tool_names", f"The history calls {name!r}, which servers refuse: sent as {wire!r}."
            )
        return wire

    def tools(self, tools: Sequence[Mapping[str, Any]]) -> list[Tool]:
        """Return the tools under the names that are sent; the given ones are not changed."""
        if not self.renamed:
            return [dict(tool) for tool in tools]
        return [
            {**tool, "function": {**tool["function"], "name": self._sent[tool["function"]["name"]]}}
            if "function" in tool
            else dict(tool)
            for tool in tools
        ]

    def choice(self, choice: ToolChoice | None) -> ToolChoice | None:
        """Return the tool choice under the name that is sent."""
        if not isinstance(choice, dict):
            return choice
        name = choice["function"]["name"]
        return {"type": "function", "function": {"name": self._sent.get(name, name)}}

    def _accepted(self, name: str) -> str:
        name = name if LEGAL.fullmatch(name) else legal_tool_name(name)
        return f"{name}_tool" if name in self._reserved else name


def _unused(name: str, taken: Container[str]) -> str:
    while name in taken:
        name = f"{name[:62]}_2"
    return name
