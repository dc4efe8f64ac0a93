"""Attribute a call to accounts, and define limits for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args
from uuid import UUID

from langchain_qwen36.pricing import Money
from langchain_qwen36.pricing.units import units_of
from langchain_qwen36.spend.windows import Per, zone_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

METADATA_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "user": ("user_id", "user", "langgraph_auth_user_id", "langfuse_user_id", "enduser.id"),
        "team": ("team", "team_id", "organization_id", "org_id", "tenant_id"),
        "key": ("api_key_id", "key_id"),
        "thread": ("thread_id", "session_id", "conversation_id", "langfuse_session_id"),
        "agent": ("agent", "agent_name", "lc_agent_name", "assistant_id", "graph_id"),
        "tool": ("tool", "tool_name"),
    }
)
"""Keys of a call's dimensions in the metadata of its config; the first one that is there counts.

Inside a graph its `configurable` (so `thread_id`, `user_id`) and its `context` are read as well. A
tag such as `user:u1` or `team:a` sets a dimension that no metadata has.
"""

KINDS: tuple[str, ...] = tuple(METADATA_KEYS)
_KINDS_OF_KEYS = {key: kind for kind, keys in METADATA_KEYS.items() for key in keys}
EVERYONE = "all"
"""The account of all calls."""
_MAX_LENGTH = 256
"""Most characters of a dimension's value; ids are shorter, and a prompt is no id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The dimensions to which a call is charged; "" is unknown."""

    user: str = ""
    """The user, from `user_id`."""
    team: str = ""
    """The team, from `team`."""
    key: str = ""
    """The name of the API key, never the key itself."""
    thread: str = ""
    """LangGraph's `thread_id`."""
    agent: str = ""
    """The agent that made the call."""
    tool: str = ""
    """The tool in which the call was made."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Dimensions of your own, such as `{"project": "p1"}`."""
    tags: tuple[str, ...] = ()
    """The config's tags."""

    @classmethod
    def of(
        cls,
        metadata: Mapping[str, Any],
        tags: Sequence[str] = (),
        *,
        own: Mapping[str, str] | None = None,
        tool: str | None = None,
    ) -> Attribution:
        """Read a call's metadata and tags by `METADATA_KEYS`.

        Args:
            metadata: The config's metadata.
            tags: The config's tags.
            own: Your own dimensions: the metadata key that holds the value, by name.
            tool: The tool in which the call is made, if no metadata names one.
        """
        kinds = {_KINDS_OF_KEYS[key] for key in _KINDS_OF_KEYS.keys() & metadata.keys()}
        values = {kind: _first(metadata, METADATA_KEYS[kind]) for kind in kinds}
        tagged = dict(tag.split(":", 1) for tag in tags if ":" in tag) if tags else {}
        for kind in tagged.keys() & METADATA_KEYS.keys():
            values[kind] = values.get(kind) or tagged[kind][:_MAX_LENGTH]
        if tool and not values.get("tool"):
            values["tool"] = tool
        named = {name: _first(metadata, (key,)) for name, key in own.items()} if own else {}
        return cls(**values, own={n: v for n, v in named.items() if v}, tags=tuple(tags))

    def accounts(self) -> dict[str, str]:
        """Return this call's accounts by kind: `{"user": "user:u1", "all": "all"}`."""
        values = {kind: getattr(self, kind) for kind in KINDS} | dict(self.own)
        return {EVERYONE: EVERYONE} | {kind: f"{kind}:{v}" for kind, v in values.items() if v}


def _first(metadata: Mapping[str, Any], keys: Sequence[str]) -> str:
    for key in keys:
        if name := _name_of(metadata.get(key)):
            return name
    return ""


def _name_of(value: Any) -> str:
    """Return an id as text; "" for what is none, such as a list."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of ids with a gap is one of floats
    if isinstance(value, bool) or not isinstance(value, str | int | UUID):
        return ""
    return str(value)[:_MAX_LENGTH]


@dataclass(frozen=True, slots=True)
class Limit:
    """An amount of money that an account may spend in each window.

        Limit("user:*", "5 USD", per="day", zone="Asia/Shanghai")  # each user
        Limit("team:a", "300 USD", per="month")
        Limit("all", "1000 USD", per="month")

    Raises:
        ValueError: An account, amount, window or zone is invalid; the message names the form.
    """

    account: str
    """`all`, `KIND:VALUE`, or `KIND:*` for each account of a kind: user, team, key, thread,
    agent, tool or a dimension of your own."""
    amount: str | Money
    """The amount, such as `"5 USD"`."""
    per: Per = "ever"
    """The window: `day`, `week`, `month` or `ever`."""
    zone: str = "UTC"
    """The time zone in which a window begins, by its IANA name."""

    def __post_init__(self) -> None:
        kind, _, value = self.account.partition(":")
        if self.account != EVERYONE and not (kind and value):
            raise ValueError(
                f"account={self.account!r} must be 'all', or a kind and a value such as "
                "'user:u1', 'team:a', or 'user:*' for each user"
            )
        if self.per not in get_args(Per):
            raise ValueError(f"per={self.per!r} must be one of {', '.join(get_args(Per))}")
        zone_named(self.zone)
        if self.per == "ever":
            object.__setattr__(self, "zone", "UTC")
        if self.money.amount <= 0:
            raise ValueError(f"amount={str(self.money)!r} must be above 0: no call could be made")
        units_of(self.money.amount)

    @property
    def money(self) -> Money:
        """The amount of the limit."""
        return Money.of(self.amount)

    @property
    def kind(self) -> str:
        """The kind of the account: `user` for `user:u1`."""
        return self.account.partition(":")[0]
