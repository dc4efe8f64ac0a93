"""Types of `invoke`, `stream` and similar methods with every setting of a call.

LangChain's own take `**kwargs: Any`, so that a misspelt setting is found only when the call is
made. These exist for type checkers and editors only; at run time LangChain's methods are used as
they are.
"""

# LangChain calls the first argument `input`.
# ruff: noqa: A002
from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_qwen36._model.core_overrides import CoreOverrides

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Any, Literal, Unpack, overload

    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.runnables import Runnable, RunnableConfig

    from langchain_qwen36._model.settings import BindSettings, CallSettings

    Configs = RunnableConfig | list[RunnableConfig] | None


if TYPE_CHECKING:

    class TypedCalls(CoreOverrides):
        """A model whose calls are typed by `CallSettings`."""

        # mypy: typed keywords are narrower than `**kwargs: Any`, on purpose.

        def invoke(  # type: ignore[override]
            self,
            input: LanguageModelInput,
            config: RunnableConfig | None = None,
            *,
            stop: list[str] | None = None,
            **kwargs: Unpack[CallSettings],
        ) -> AIMessage: ...

        async def ainvoke(  # type: ignore[override]
            self,
            input: LanguageModelInput,
            config: RunnableConfig | None = None,
            *,
            stop: list[str] | None = None,
            **kwargs: Unpack[CallSettings],
        ) -> AIMessage: ...

        def stream(  # type: ignore[override]
            self,
            input: LanguageModelInput,
            config: RunnableConfig | None = None,
            *,
            stop: list[str] | None = None,
            **kwargs: Unpack[CallSettings],
        ) -> Iterator[AIMessageChunk]: ...

        def astream(  # type: ignore[override]
            self,
            input: LanguageModelInput,
            config: RunnableConfig | None = None,
            *,
            stop: list[str] | None = None,
            **kwargs: Unpack[CallSettings],
        ) -> AsyncIterator[AIMessageChunk]: ...

        @overload  # type: ignore[override]
        def batch(
            self,
            inputs: list[LanguageModelInput],
            config: Configs = None,
            *,
            return_exceptions: Literal[False] = False,
            **kwargs: Unpack[BindSettings],
        ) -> list[AIMessage]: ...

        @overload
        def batch(
            self,
            inputs: list[LanguageModelInput],
            config: Configs = None,
            *,
            return_exceptions: bool,
            **kwargs: Unpack[BindSettings],
        ) -> list[AIMessage | Exception]: ...

        def batch(self, *args: Any, **kwargs: Any) -> Any: ...

        @overload  # type: ignore[override]
        async def abatch(
            self,
            inputs: list[LanguageModelInput],
            config: Configs = None,
            *,
            return_exceptions: Literal[False] = False,
            **kwargs: Unpack[BindSettings],
        ) -> list[AIMessage]: ...

        @overload
        async def abatch(
            self,
            inputs: list[LanguageModelInput],
            config: Configs = None,
            *,
            return_exceptions: bool,
            **kwargs: Unpack[BindSettings],
        ) -> list[AIMessage | Exception]: ...

        async def abatch(self, *args: Any, **kwargs: Any) -> Any: ...

        def bind(  # type: ignore[override]
            self, **kwargs: Unpack[BindSettings]
        ) -> Runnable[LanguageModelInput, AIMessage]: ...

else:
    # A class of its own would collect all fields of the model once more: 4 ms of the import.
    TypedCalls = CoreOverrides
