"""Limit the money that an agent's run, thread or user spends, including subagents."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from langchain.agents.middleware.types import AgentMiddleware, hook_config
from typing_extensions import override

from langchain_qwen36._logging import logger_for
from langchain_qwen36.callbacks.budget import Budget
from langchain_qwen36.callbacks.holds import parse_reserve
from langchain_qwen36.callbacks.spend_ledger import check_ledger
from langchain_qwen36.errors import BudgetExceededError
from langchain_qwen36.middleware._requests import check_choice, check_model
from langchain_qwen36.middleware.budget_state import (
    END_MESSAGE,
    STATE_KEY,
    CostBudgetState,
    Entry,
    end_message,
    tool_message,
)
from langchain_qwen36.middleware.graph_budgets import unwatch, watch
from langchain_qwen36.middleware.spending import (
    SpendingAccount,
    ThreadAccounts,
    UserAccounts,
    charging_handler,
    configured_thread,
    configured_user,
    is_refused_by,
    ledger_settings,
    thread_id,
    track_spending,
)
from langchain_qwen36.spend import Limit
from langchain_qwen36.spend.default import default_ledger
from langchain_qwen36.spend.environment import check_installed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, MutableMapping

    from langchain.agents.middleware.types import ModelRequest, ToolCallRequest
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, ToolMessage
    from langgraph.runtime import Runtime
    from langgraph.types import Command

    from langchain_qwen36.callbacks import QwenCostCallbackHandler
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


class CostBudgetMiddleware(AgentMiddleware[CostBudgetState, Any, Any]):
    """Ends a run with a message, or continues with a cheaper model, when its budget is spent.

        CostBudgetMiddleware("0.50 USD")
        CostBudgetMiddleware("5 USD", per="user", cheaper_model=ChatQwen36(model="qwen3.6-flash"))

    Every call of the agent's model counts, including retries and fallbacks, and every call made
    inside its tools, so those of subagents. The estimated cost of a call is reserved before it is
    sent, so that concurrent calls share the budget. A call that does not fit is not made: the run
    ends with a message, and a tool that made the call returns an error result.

    Calls that other middleware makes in nodes of its own, such as a summary, count too; one that
    does not fit raises `BudgetExceededError` there. Put this middleware first in the list, so that
    retries, fallbacks and such nodes are inside it.
    """

    state_schema = CostBudgetState

    def __init__(
        self,
        budget: str | Money,
        *,
        per: Per = "run",
        cheaper_model: BaseChatModel | None = None,
        exit_behavior: ExitBehavior = "end",
        end_message: str = END_MESSAGE,
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
            budget: An amount such as `"0.50 USD"`, in the currency that the gateway charges.
            per: `run`: each invocation, including a resumed one; `thread`: all runs of a thread,
                kept in its checkpoints and in this process, so that no fork gets money back;
                `user`: all runs of a user, in a ledger that processes share, across restarts.
            cheaper_model: The model that answers in place of the agent's once the budget is spent.
                It has no limit here: add a second, larger budget in front to set one.
            exit_behavior: `end` with a message, or `error`: raise `BudgetExceededError`.
            end_message: The text of that message, for your end users. The reason is in its
                `response_metadata`.
            user_of: The user's id. None: `config["configurable"]["user_id"]`.
            users: A mapping of the users' accounts, in place of a ledger: to share between agents,
                to save and to reset; a mapping on disk, such as a shelf, is written after each
                call.
            price_of: Your own price of a call, as `QwenCostCallbackHandler` takes it.
            unpriced: What to do with a call whose cost cannot be known; see the handler.
            reserve: How much to reserve for a call in flight; see the handler.
            ledger: A ledger that keeps the accounts, for all processes and across restarts; forks
                of a thread cannot reopen them. A budget per user without `users` and `ledger` has
                that of `QWEN36_LEDGER`, else one for the working directory (docs/spend.md).
            window: How often the budget starts again: each `day`, `week` or `month`; needs a
                ledger.
            zone: The time zone of these days, such as `"Asia/Shanghai"`.

        Raises:
            ValueError: The budget is no amount of money above 0, or a choice is unknown.
            LedgerError: The budget needs a ledger, and the extra `ledger` is not installed.
        """
        super().__init__()
        parsed = Budget.of(budget, None, unpriced)
        if parsed is None:
            raise ValueError('`budget` is missing: write it like "0.50 USD".')
        self.budget = parsed
        self.per: Per = check_choice("per", per, Per)
        check_ledger(ledger)
        check_model("cheaper_model", cheaper_model)
        self.cheaper_model = cheaper_model
        self.exit_behavior: ExitBehavior = check_choice(
            "exit_behavior", exit_behavior, ExitBehavior
        )
        self.end_message = end_message
        self.users: MutableMapping[str, SpendingAccount] = {} if users is None else users
        self._user_of = user_of or configured_user
        self._settings = {"price_of": price_of, "reserve": parse_reserve(reserve)}
        self._live = ThreadAccounts()
        self._users = UserAccounts(self.users)
        self._threads = ThreadAccounts()
        self._lock = threading.Lock()
        self._ledger = ledger
        self._window = (window, zone)
        self._shares_ledger = per == "user" and ledger is None and users is None
        if self._shares_ledger:
            check_installed("`users={}` counts in this process only.")
        elif ledger is None and window != "ever":
            raise ValueError(f"`window={window!r}` is kept in a ledger: give `ledger=` too")
        Limit("all", self.budget.limit, per=window, zone=zone)  # raises if either is invalid

    @property
    def name(self) -> str:
        """The name that distinguishes several budgets of one agent."""
        return f"{type(self).__name__}[{self.budget.limit} per {self.per}]"

    @override
    @hook_config(can_jump_to=["end"])
    def before_agent(self, state: CostBudgetState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Open the account of a new run, or of a new thread; end if its budget is spent."""
        entry = self._entry(state) if self.per == "thread" else None
        entry = entry or Entry(id=uuid4().hex, spent={})
        update: dict[str, Any] = {STATE_KEY: {self.name: entry}}
        account = self._account(update, runtime)
        try:
            if account.ledger_account is None and self.cheaper_model is None:
                self.budget.check(account.spent)
        except BudgetExceededError as error:
            error.balance = account  # type: ignore[attr-defined]
            update |= {"jump_to": "end", "messages": [self._end(error, account)]}
        return update

    @override
    @hook_config(can_jump_to=["end"])
    async def abefore_agent(
        self, state: CostBudgetState, runtime: Runtime[Any]
    ) -> dict[str, Any] | None:
        """`before_agent`, async."""
        if self._shares_ledger:  # its file is created outside the event loop
            await asyncio.to_thread(default_ledger)
        return self.before_agent(state, runtime)

    @override
    def after_model(self, state: CostBudgetState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Save what was spent so far in the state, for a run that is resumed elsewhere."""
        entry = self._entry(state)
        if entry is None or self.per == "user":
            return None
        spent = self._account(state, runtime).saved()
        return {STATE_KEY: {self.name: Entry(id=entry["id"], spent=spent)}}

    @override
    async def aafter_model(
        self, state: CostBudgetState, runtime: Runtime[Any]
    ) -> dict[str, Any] | None:
        """`after_model`, async."""
        return self.after_model(state, runtime)

    @override
    def after_agent(self, state: CostBudgetState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Save what was spent in the state, and drop the account."""
        update = self.after_model(state, runtime)
        if entry := self._entry(state):
            self._live.close(entry["id"])
            unwatch(entry["id"])
        return update

    @override
    async def aafter_agent(
        self, state: CostBudgetState, runtime: Runtime[Any]
    ) -> dict[str, Any] | None:
        """`after_agent`, async."""
        return self.after_agent(state, runtime)

    @override
    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]
    ) -> ModelResult:
        """Make and charge the call if the budget allows it, else one to the cheaper model."""
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
            with self._charging(account, self._inner_limit(), request):
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
            with self._charging(account, self._inner_limit(), request):
                result: ToolMessage | Command[Any] = await handler(request)
        except BudgetExceededError as error:
            return self._tool_ended(error, account, request)
        return result

    def _entry(self, state: Any) -> Entry | None:
        entry: Entry | None = (state.get(STATE_KEY) or {}).get(self.name)
        return entry

    def _account(self, state: Any, runtime: Any) -> SpendingAccount:
        """Return the account of a run, its thread or its user."""
        entry = self._entry(state)
        with self._lock:
            if self.per == "user":
                user = self._user_of(runtime)
                account, name = self._users.open(user), f"user:{user}"
            elif entry is None:
                raise RuntimeError(f"{self.name} has no account: `before_agent` did not run.")
            else:
                name, thread = f"run:{entry['id']}", thread_id()
                if self.per == "thread" and thread is not None:
                    account = self._threads.open(thread, entry["spent"])
                else:
                    account = self._live.open(entry["id"], entry["spent"])
            if self._ledger is not None or self._shares_ledger:
                account.ledger_account = name if self.per != "thread" else configured_thread()
        if entry is not None:
            limit = self._inner_limit()
            watch(entry["id"], account, lambda: self._handler(account, limit))
        return account

    def _handler(self, account: SpendingAccount, limit: Money | None) -> QwenCostCallbackHandler:
        """Make a handler that charges an account, up to a limit."""
        kept: dict[str, Any] = {"budget": limit}
        ledger = default_ledger() if self._shares_ledger else self._ledger
        if ledger is not None:
            kept = ledger_settings(ledger, account, limit, *self._window)
        return charging_handler(account, unpriced=self.budget.unpriced, **kept, **self._settings)

    @contextmanager
    def _charging(
        self, account: SpendingAccount, limit: Money | None, request: Any
    ) -> Iterator[None]:
        try:
            with track_spending(account, lambda: self._handler(account, limit)):
                yield
        finally:
            if self.per == "user":
                with self._lock:
                    self._users.save(self._user_of(request.runtime), account)

    def _inner_limit(self) -> Money | None:
        """Return the limit inside tools and other nodes; None if there is a cheaper model."""
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
        """Return the message that ends the run; raise the refusal of an enclosing budget."""
        if self.exit_behavior == "error" or not is_refused_by(error, account):
            raise error
        return end_message(self.end_message, self.name, account, error)

    def _tool_ended(
        self, error: BudgetExceededError, account: SpendingAccount, request: ToolCallRequest
    ) -> ToolMessage:
        if not is_refused_by(error, account):
            raise error
        return tool_message(self.name, request, error)
