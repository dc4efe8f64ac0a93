"""A budget of money for an agent's run, thread or user, its subagents counted."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NotRequired,
    TypedDict,
)
from uuid import uuid4

from langchain.agents.middleware.types import AgentMiddleware, AgentState, PrivateStateAttr
from langchain_core.messages import AIMessage, ToolMessage
from typing_extensions import override

from langchain_qwen36._logging import logger_for
from langchain_qwen36.callbacks.budget import Budget
from langchain_qwen36.callbacks.holds import parse_reserve
from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.middleware._requests import check_choice
from langchain_qwen36.middleware.spending import (
    SpendingAccount,
    ThreadAccounts,
    UserAccounts,
    configured_thread,
    configured_user,
    is_refused_by,
    ledger_settings,
    thread_id,
    track_spending,
)
from langchain_qwen36.spend import Limit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, MutableMapping

    from langchain.agents.middleware.types import ModelRequest, ToolCallRequest
    from langchain_core.language_models import BaseChatModel
    from langgraph.runtime import Runtime
    from langgraph.types import Command

    from langchain_qwen36.callbacks.budget import Unpriced
    from langchain_qwen36.callbacks.holds import Reserve
    from langchain_qwen36.callbacks.pricer import PriceOf
    from langchain_qwen36.middleware._requests import ModelResult
    from langchain_qwen36.pricing import Money
    from langchain_qwen36.spend import SpendLedger
    from langchain_qwen36.spend.windows import Per as Window

logger = logger_for(__name__)

Per = Literal["run", "thread", "user"]
ExitBehavior = Literal["end", "error"]

_END_MESSAGE = "I have to stop here: the spending limit for this conversation is reached."
_TOOL_MESSAGE = "Not finished: the spending limit of this run is reached."


class _Entry(TypedDict):
    """A run's or thread's account in the graph's state."""

    id: str
    spent: dict[str, str]


def _merge(old: dict[str, _Entry] | None, new: dict[str, _Entry]) -> dict[str, _Entry]:
    return {**(old or {}), **new}


class CostBudgetState(AgentState[Any]):
    """The state with the accounts, by the middleware's name; checkpoints keep them."""

    # The reducer must stand last: docs/quirks.md#reducers-of-private-state
    cost_budgets: NotRequired[Annotated[dict[str, _Entry], PrivateStateAttr, _merge]]


class CostBudgetMiddleware(AgentMiddleware[CostBudgetState, Any, Any]):
    """Ends a run with a message, or goes on with a cheaper model, when its budget is spent.

        CostBudgetMiddleware("0.50 USD")
        CostBudgetMiddleware("5 USD", per="user", cheaper_model=ChatQwen36(model="qwen3.6-flash"))

    Every call of the agent's model counts, retried and fallen back ones too, and every call made
    inside its tools, so those of subagents. What a call may cost is held before it is sent, so
    calls at the same time share the budget. A call that does not fit is not made: the run ends
    with a message, and a tool that made it gives an error result.

    Put it first in the list, so that retries and fallbacks are inside it. Not counted are calls
    that other middleware makes in nodes of its own, such as a summary: put
    `get_qwen_cost_callback(budget=…)` around the run where those matter.
    """

    state_schema = CostBudgetState

    def __init__(
        self,
        budget: str | Money,
        *,
        per: Per = "run",
        cheaper_model: BaseChatModel | None = None,
        exit_behavior: ExitBehavior = "end",
        end_message: str = _END_MESSAGE,
        user_of: Callable[[Runtime[Any]], str] | None = None,
        users: MutableMapping[str, SpendingAccount] | None = None,
        price_of: PriceOf | None = None,
        unpriced: Unpriced | Money = "refuse",
        reserve: Reserve | Money = "likely",
        ledger: SpendLedger | None = None,
        window: Window = "ever",
        zone: str = "UTC",
    ) -> None:
        """Initialize the middleware.

        Args:
            budget: E.g. `"0.50 USD"`, in the currency that the gateway charges.
            per: `run`: each invocation, a resumed one included; `thread`: all runs of a thread,
                kept in its checkpoints and in this process, so that no fork gets money back;
                `user`: all runs of a user in this process; with `ledger`, in all of them.
            cheaper_model: Answers in place of the agent's model once the budget is spent; it has
                no limit here: add a second, larger budget in front to have one.
            exit_behavior: `end` with a message, or `error`: raise `BudgetExceededError`.
            end_message: The text of that message; your end users read it. Why the run ended
                stands in its `response_metadata`.
            user_of: The user's id. None: `config["configurable"]["user_id"]`.
            users: The users' accounts, to share between agents, to save and to reset; a mapping
                on disk, such as a shelf, is written after each call.
            price_of: Your own price of a call, as `QwenCostCallbackHandler` takes it.
            unpriced: What to do with a call whose cost cannot be known, as the handler takes it.
            reserve: What is held for a call in flight, as the handler takes it.
            ledger: Keeps the accounts, for all processes and over restarts; forks of a thread
                cannot reopen them.
            window: How often the budget begins anew: a `day`, `week` or `month`; needs `ledger`.
            zone: The time zone of these days, such as `"Asia/Shanghai"`.

        Raises:
            ValueError: A budget that is no amount of money above 0, or an unknown choice.
        """
        super().__init__()
        parsed = Budget.of(budget, None, unpriced)
        if parsed is None:
            raise ValueError('`budget` is missing: write it like "0.50 USD".')
        self.budget = parsed
        self.per: Per = check_choice("per", per, Per)
        self.cheaper_model = cheaper_model
        self.exit_behavior: ExitBehavior = check_choice(
            "exit_behavior", exit_behavior, ExitBehavior
        )
        self.end_message = end_message
        self.users: MutableMapping[str, SpendingAccount] = {} if users is None else users
        self._user_of = user_of or configured_user
        self._settings = {"price_of": price_of, "reserve": parse_reserve(reserve)}
        self._live: dict[str, SpendingAccount] = {}
        self._users = UserAccounts(self.users)
        self._threads = ThreadAccounts()
        self._lock = threading.Lock()
        self._ledger = ledger
        self._window = (window, zone)
        if ledger is None and window != "ever":
            raise ValueError(f"`window={window!r}` is kept in a ledger: give `ledger=` too")
        Limit("all", self.budget.limit, per=window, zone=zone)  # raises where it cannot be

    @property
    def name(self) -> str:
        """Tells two budgets of one agent apart."""
        return f"{type(self).__name__}[{self.budget.limit} per {self.per}]"

    # What the state keeps.

    @override
    def before_agent(self, state: CostBudgetState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Open the account of a new run, or of a thread that has none."""
        if self.per == "user" or (self.per == "thread" and self._entry(state)):
            return None
        return {"cost_budgets": {self.name: _Entry(id=uuid4().hex, spent={})}}

    @override
    async def abefore_agent(
        self, state: CostBudgetState, runtime: Runtime[Any]
    ) -> dict[str, Any] | None:
        """`before_agent`, async."""
        return self.before_agent(state, runtime)

    @override
    def after_model(self, state: CostBudgetState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Write down what was spent so far: a run that is resumed elsewhere goes on with it."""
        entry = self._entry(state)
        if entry is None:
            return None
        spent = self._account(state, runtime).saved()
        return {"cost_budgets": {self.name: _Entry(id=entry["id"], spent=spent)}}

    @override
    async def aafter_model(
        self, state: CostBudgetState, runtime: Runtime[Any]
    ) -> dict[str, Any] | None:
        """`after_model`, async."""
        return self.after_model(state, runtime)

    @override
    def after_agent(self, state: CostBudgetState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Write down the end, and forget the account: the state has it."""
        update = self.after_model(state, runtime)
        if entry := self._entry(state):
            self._live.pop(entry["id"], None)
        return update

    @override
    async def aafter_agent(
        self, state: CostBudgetState, runtime: Runtime[Any]
    ) -> dict[str, Any] | None:
        """`after_agent`, async."""
        return self.after_agent(state, runtime)

    # What is counted and refused.

    @override
    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]
    ) -> ModelResult:
        """Make the call if the budget can bear it, else one to the cheaper model, and charge it."""
        account = self._account(request.state, request.runtime)
        try:
            with self._charging(account, self.budget.limit, request):
                result: ModelResult = handler(request)
        except BudgetExceededError as error:
            cheaper = self._cheaper(error, account, request)
            if cheaper is None:
                return self._end(error, account)
            with self._charging(account, None, request):
                return handler(cheaper)  # type: ignore[no-any-return]
        return result

    @override
    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[Any]]
    ) -> ModelResult:
        """`wrap_model_call`, async."""
        account = self._account(request.state, request.runtime)
        try:
            with self._charging(account, self.budget.limit, request):
                result: ModelResult = await handler(request)
        except BudgetExceededError as error:
            cheaper = self._cheaper(error, account, request)
            if cheaper is None:
                return self._end(error, account)
            with self._charging(account, None, request):
                return await handler(cheaper)  # type: ignore[no-any-return]
        return result

    @override
    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]
    ) -> ToolMessage | Command[Any]:
        """Charge the calls that are made inside a tool."""
        account = self._account(request.state, request.runtime)
        try:
            with self._charging(account, self._tool_limit(), request):
                result: ToolMessage | Command[Any] = handler(request)
        except BudgetExceededError as error:
            return self._tool_ended(error, account, request)
        return result

    @override
    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> ToolMessage | Command[Any]:
        """`wrap_tool_call`, async."""
        account = self._account(request.state, request.runtime)
        try:
            with self._charging(account, self._tool_limit(), request):
                result: ToolMessage | Command[Any] = await handler(request)
        except BudgetExceededError as error:
            return self._tool_ended(error, account, request)
        return result

    def _entry(self, state: Any) -> _Entry | None:
        entry: _Entry | None = (state.get("cost_budgets") or {}).get(self.name)
        return entry

    def _account(self, state: Any, runtime: Any) -> SpendingAccount:
        with self._lock:
            if self.per == "user":
                user = self._user_of(runtime)
                account, name = self._users.open(user), f"user:{user}"
            else:
                entry = self._entry(state)
                if entry is None:
                    raise RuntimeError(f"{self.name} has no account: `before_agent` did not run.")
                name, thread = f"run:{entry['id']}", thread_id()
                if self.per == "thread" and thread is not None:
                    account = self._threads.open(thread, entry["spent"])
                else:
                    account = self._live.setdefault(entry["id"], SpendingAccount(entry["spent"]))
            if self._ledger is not None:
                account.ledger_account = name if self.per != "thread" else configured_thread()
            return account

    @contextmanager
    def _charging(
        self, account: SpendingAccount, limit: Money | None, request: Any
    ) -> Iterator[None]:
        kept: dict[str, Any] = {"budget": limit}
        if self._ledger is not None:
            kept = ledger_settings(self._ledger, account, limit, *self._window)
        try:
            with track_spending(account, unpriced=self.budget.unpriced, **kept, **self._settings):
                yield
        finally:
            if self.per == "user":
                with self._lock:
                    self._users.save(self._user_of(request.runtime), account)

    def _tool_limit(self) -> Money | None:
        """Return the limit inside a tool; the cheaper model has none."""
        return None if self.cheaper_model else self.budget.limit

    def _cheaper(
        self, error: BudgetExceededError, account: SpendingAccount, request: ModelRequest[Any]
    ) -> ModelRequest[Any] | None:
        """Return the request to the cheaper model, if there is one and this budget refused."""
        if self.cheaper_model is None or not is_refused_by(error, account):
            return None
        logger.info("The budget of %s is spent: a cheaper model answers.", self.budget.limit)
        return request.override(model=self.cheaper_model)

    def _end(self, error: BudgetExceededError, account: SpendingAccount) -> AIMessage:
        """Return the message that ends the run; the refusal of a budget around us is raised."""
        if self.exit_behavior == "error" or not is_refused_by(error, account):
            raise error
        facts = {"stopped_by": self.name, "spent": account.saved(), "reason": str(error)}
        return AIMessage(self.end_message, response_metadata=facts)

    def _tool_ended(
        self, error: BudgetExceededError, account: SpendingAccount, request: ToolCallRequest
    ) -> ToolMessage:
        if not is_refused_by(error, account):
            raise error
        call = request.tool_call
        return ToolMessage(
            _TOOL_MESSAGE,
            name=call["name"],
            tool_call_id=call["id"] or "",
            status="error",
            response_metadata={"stopped_by": self.name, "reason": str(error)},
        )
