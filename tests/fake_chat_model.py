"""A chat model without a network, whose messages carry what ChatQwen36's do."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from langchain_qwen36.catalog import find_offer
from langchain_qwen36.pricing import Reported, cost, cost_record

USAGE = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
MILLION = 1_000_000
PROMPT = "How is the weather in Paris?"
ONE = Decimal("0.50") * 1000 / MILLION + Decimal("3.00") * 100 / MILLION
"""What `USAGE` costs on qwen3.6-plus at dashscope-intl: rate x tokens."""


class FakeQwen(BaseChatModel):
    """Answers `pieces`; every way to end badly is a field."""

    model_name: str = "qwen3.6-plus"
    gateway: str | None = "dashscope-intl"
    pieces: tuple[str, ...] = ("It is ", "18 degrees ", "and sunny.")
    usage: dict[str, Any] | None = USAGE
    reported: str | None = None
    """What the gateway says it charged, in USD."""
    says_cost: bool = True
    """Whether the message carries a bill, as those of other classes do not."""
    discount: str | None = None
    """What the bill on the message already takes off the list."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """More of `response_metadata`."""
    trace_costs: bool = False
    """Whether the bill also stands in `usage_metadata`, as LangSmith reads it."""
    error: BaseException | None = None
    fails_after: int = 0
    """Chunks before `error`; one-shot answers fail at once."""
    pause: float = 0
    """Seconds before each piece."""
    hangs_after: int | None = None
    """Pieces after which an async call waits for ever."""
    answered: int = 0
    """Calls that reached the gateway."""
    n: int = 1

    @property
    def _llm_type(self) -> str:
        return "fake-qwen"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "gateway": self.gateway}

    def _get_ls_params(self, stop=None, **kwargs):
        return {
            "ls_provider": "qwen36",
            "ls_model_name": self.model_name,
            "ls_model_type": "chat",
        }

    def bind_tools(self, tools, **kwargs):
        """Tools are taken and never called."""
        return self.bind()

    def _metadata(self) -> dict[str, Any]:
        record = None
        if self.says_cost and self.usage and self.gateway:
            offer = find_offer(self.gateway, self.model_name)
            listed = cost(self.usage, offer, discount=self.discount)
            said = (
                Reported(amount=Decimal(self.reported), source="usage.cost")
                if self.reported
                else None
            )
            record = cost_record(listed, said)
        metadata = {
            "model_name": self.model_name,
            "model_provider": "qwen36",
            "gateway": self.gateway,
            "finish_reason": "stop",
            "cost": record,
            **self.extra,
        }
        return {name: value for name, value in metadata.items() if value is not None}

    def _usage(self) -> dict[str, Any] | None:
        if not (self.usage and self.trace_costs):
            return self.usage
        record = self._metadata()["cost"]
        parts = {"input_cost": record["input"], "output_cost": record["output"]}
        return {**self.usage, **parts, "total_cost": record["total"]}

    def _result(self) -> ChatResult:
        self.answered += 1
        if self.error is not None:
            raise self.error
        generations = [
            ChatGeneration(
                message=AIMessage(
                    content="".join(self.pieces),
                    usage_metadata=self._usage() if index == 0 else None,
                    response_metadata=self._metadata(),
                )
            )
            for index in range(self.n)
        ]
        return ChatResult(generations=generations)

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        time.sleep(self.pause)
        return self._result()

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        await self._wait(0)
        return self._result()

    async def _wait(self, index: int) -> None:
        await asyncio.sleep(self.pause)
        if index == self.hangs_after:
            await asyncio.Event().wait()

    def _chunks(self):
        self.answered += 1
        for index, piece in enumerate(self.pieces):
            if self.error is not None and index == self.fails_after:
                raise self.error
            yield AIMessageChunk(content=piece, response_metadata={"model_provider": "qwen36"})
        yield AIMessageChunk(
            content="",
            usage_metadata=self._usage(),
            response_metadata=self._metadata(),
            chunk_position="last",
        )

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        for message in self._chunks():
            time.sleep(self.pause)
            chunk = ChatGenerationChunk(message=message)
            if run_manager is not None:  # v3 only, as in ChatQwen36
                run_manager.on_llm_new_token(message.text, chunk=chunk)
            yield chunk

    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        for index, message in enumerate(self._chunks()):
            await self._wait(index)
            chunk = ChatGenerationChunk(message=message)
            if run_manager is not None:
                await run_manager.on_llm_new_token(message.text, chunk=chunk)
            yield chunk
