"""Split a chain into the steps before the model, the model, and the steps after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableSequence
from langchain_core.runnables.base import RunnableBindingBase

from langchain_qwen36._model.base import BaseChatQwen
from langchain_qwen36.errors import UnsupportedSettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.runnables import Runnable


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchChain:
    """A chain with one model, whose call a batch makes."""

    model: BaseChatQwen
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Settings bound to the model: tools, a schema, options."""
    before: Sequence[Runnable[Any, Any]] = ()
    after: Sequence[Runnable[Any, Any]] = ()

    @classmethod
    def of(cls, runnable: Any) -> BatchChain:
        """Split a model, a bound model, or a sequence with one of them.

        Raises:
            UnsupportedSettingError: The runnable is none of these.
        """
        steps = runnable.steps if isinstance(runnable, RunnableSequence) else [runnable]
        models = [(number, _unbound(step)) for number, step in enumerate(steps)]
        found = [(number, *pair) for number, pair in models if pair is not None]
        if len(found) != 1:
            raise UnsupportedSettingError(
                "A batch runs a `ChatQwen36`, or a sequence of steps with one in it "
                f"(`prompt | model | parser`), not {type(runnable).__name__} with {len(found)}."
            )
        number, model, kwargs = found[0]
        return cls(
            model=model,
            kwargs=kwargs,
            before=tuple(steps[:number]),
            after=tuple(steps[number + 1 :]),
        )

    def messages(self, value: Any) -> list[BaseMessage]:
        """Return the messages that the model receives for an input of the chain."""
        for step in self.before:
            value = step.invoke(value)
        return self.model._convert_input(value).to_messages()  # noqa: SLF001 - LangChain's own way

    @property
    def parse(self) -> Callable[[AIMessage], Any] | None:
        """The steps after the model as one function of its message; None: there are none."""
        return self._parse if self.after else None

    def _parse(self, message: AIMessage) -> Any:
        value: Any = message
        for step in self.after:
            value = step.invoke(value)
        return value


def _unbound(step: Any) -> tuple[BaseChatQwen, dict[str, Any]] | None:
    kwargs: dict[str, Any] = {}
    while isinstance(step, RunnableBindingBase):
        kwargs = {**step.kwargs, **kwargs}
        step = step.bound
    return (step, kwargs) if isinstance(step, BaseChatQwen) else None
