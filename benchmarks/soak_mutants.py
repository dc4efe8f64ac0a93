"""Faults that are put into the library on purpose: the soak must fail on each of them."""

from __future__ import annotations

from typing import Any

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._transport.http.async_pool import AsyncPool
from langchain_qwen36._transport.timeouts import CallTimeouts

_leaked: list[bytearray] = []


def lose_slots() -> None:
    """Have the async pool forget a slot with every connection that is not kept."""
    pass_on = AsyncPool._pass_on  # noqa: SLF001

    def forgetful(self: Any, stream: Any, exchange: Any) -> None:
        taken = self._in_use
        pass_on(self, stream, exchange)
        if stream is None:
            self._in_use = taken

    AsyncPool._pass_on = forgetful  # type: ignore[method-assign]  # noqa: SLF001


def mix_up_texts() -> None:
    """Answer everybody with the same text."""
    generate, agenerate = ChatQwen36._generate, ChatQwen36._agenerate  # noqa: SLF001
    stream, astream = ChatQwen36._stream, ChatQwen36._astream  # noqa: SLF001

    def wrong(message: Any) -> None:
        message.content = "WRONG" if message.content else ""

    def wrong_generate(*args: Any, **kwargs: Any) -> Any:
        result = generate(*args, **kwargs)
        wrong(result.generations[0].message)
        return result

    async def wrong_agenerate(*args: Any, **kwargs: Any) -> Any:
        result = await agenerate(*args, **kwargs)
        wrong(result.generations[0].message)
        return result

    def wrong_stream(*args: Any, **kwargs: Any) -> Any:
        for chunk in stream(*args, **kwargs):
            wrong(chunk.message)
            yield chunk

    async def wrong_astream(*args: Any, **kwargs: Any) -> Any:
        async for chunk in astream(*args, **kwargs):
            wrong(chunk.message)
            yield chunk

    ours: Any = ChatQwen36
    ours._generate, ours._agenerate = wrong_generate, wrong_agenerate  # noqa: SLF001
    ours._stream, ours._astream = wrong_stream, wrong_astream  # noqa: SLF001


def leak_memory() -> None:
    """Keep 4 KiB for ever with every attempt."""
    init = CallTimeouts.__init__

    def leaking(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        _leaked.append(bytearray(4096))

    CallTimeouts.__init__ = leaking  # type: ignore[method-assign]


MUTANTS = {"slots": lose_slots, "texts": mix_up_texts, "memory": leak_memory}
