"""The public API as users type it: checked by mypy and pyright (`make lint`), never run.

Each `assert_type` holds an annotation of ours: one that grows wider or wrong fails the lint.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict, assert_type

from langchain_core.documents import Document
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import Runnable
from pydantic import BaseModel

from langchain_qwen36 import (
    GATEWAYS,
    ChatQwen36,
    Gateway,
    PriceBook,
    QwenCostCallbackHandler,
    QwenEmbeddings,
    QwenFiles,
    QwenRerank,
    Timeouts,
    get_qwen_cost_callback,
    init_qwen36,
    no_waiting,
    register,
)
from langchain_qwen36.callbacks import CallRecord, Summary
from langchain_qwen36.catalog import Model, Offer, find_model, find_offer
from langchain_qwen36.files import UploadedFile
from langchain_qwen36.local import LocalEngine, shared_engine
from langchain_qwen36.middleware import (
    CostBudgetMiddleware,
    PromptCachingMiddleware,
    QwenModelRouterMiddleware,
    Route,
    SpendingAccount,
    TierGuardMiddleware,
    ToolCallRepairMiddleware,
)
from langchain_qwen36.pricing import Cost, Money, cost, totals

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI


class City(BaseModel):
    """A schema as a pydantic class."""

    name: str


class Town(TypedDict):
    """A schema as a `TypedDict`."""

    name: str


def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    return city


model = ChatQwen36(model="qwen3.6-plus", api_key="sk-…", thinking_budget=2000)
assert_type(model.model, str)
assert_type(model.model_name, str)
assert_type(model.enable_thinking, bool | None)
assert_type(model.model_copy(update={"seed": 1}), ChatQwen36)
assert_type(init_qwen36("qwen36:openrouter:qwen3.6-plus", temperature=0), ChatQwen36)
assert_type(register(), None)

# Asking.
assert_type(model.invoke("Hello", enable_thinking=False), AIMessage)
assert_type(model.stream("Hello"), Iterator[AIMessageChunk])
assert_type(model.astream("Hello"), AsyncIterator[AIMessageChunk])
assert_type(model.batch(["Hello"]), list[AIMessage])
assert_type(model.get_num_tokens_from_messages([AIMessage("Hello")]), int)


async def ask() -> None:
    """Await an answer."""
    assert_type(await model.ainvoke("Hello"), AIMessage)


# Binding.
with_tools = model.bind_tools([get_weather, City], tool_choice="any", strict=True)
assert_type(with_tools, Runnable[LanguageModelInput, AIMessage])
assert_type(with_tools.invoke("Hello").tool_calls[0]["args"], dict[str, Any])

assert_type(model.with_structured_output(City), Runnable[LanguageModelInput, City])
assert_type(model.with_structured_output(Town), Runnable[LanguageModelInput, Town])
assert_type(model.with_structured_output(City, method="json_schema").invoke("?").name, str)
assert_type(
    model.with_structured_output(City, method="json_schema", tools=[get_weather]),
    Runnable[LanguageModelInput, City | None],
)
assert_type(model.with_structured_output({"title": "city"}), Runnable[LanguageModelInput, Any])
assert_type(model.with_structured_output(City, include_raw=True), Runnable[LanguageModelInput, Any])


def migrate(theirs: ChatOpenAI) -> None:
    """Turn a `ChatOpenAI` into ours."""
    assert_type(ChatQwen36.from_chat_openai(theirs, max_retries=5), ChatQwen36)


# Gateways and settings.
assert_type(GATEWAYS, Mapping[str, Gateway])
mine = Gateway(name="mine", base_url="https://llm.example/v1", thinking="enable_thinking")
assert_type(ChatQwen36(gateway=mine, timeout=Timeouts(gap=30)), ChatQwen36)
with no_waiting() as nothing:
    assert_type(nothing, None)

# Prices.
book = PriceBook.from_toml("prices.toml")
assert_type(book, PriceBook)
assert_type(book.models, Mapping[str, Model])
assert_type(book.offer("dashscope", "qwen3.6-plus"), Offer | None)
assert_type(find_model("qwen3.6-plus"), Model | None)
offer = find_offer("dashscope", "qwen3.6-plus")
assert_type(offer, Offer | None)
if offer:
    listed = cost({"input_tokens": 10, "output_tokens": 2}, offer)
    assert_type(listed, Cost | None)
    if listed:
        assert_type(listed.total, Decimal)
        assert_type(listed.money, Money)
        assert_type(totals([listed.money]), dict[str, Decimal])
assert_type(Money.parse("0.50 USD") <= Money(Decimal(1), "USD"), bool)


# The cost of a run.
def price(model: str | None, gateway: str | None, usage: Mapping[str, Any]) -> Money | None:
    """Price a call by a list of one's own."""
    return Money(Decimal(usage["input_tokens"]), "USD") if model and gateway else None


with get_qwen_cost_callback(budget="0.50 USD", price_of=price, discount="0.85") as cb:
    assert_type(cb, QwenCostCallbackHandler)
    assert_type(cb.total_cost, Decimal | None)
    assert_type(cb.runs, tuple[CallRecord, ...])
    assert_type(cb.by_model(), dict[str | None, Summary])
    assert_type(cb.to_csv(), str)
assert_type(model.estimate_cost("Hello", max_tokens=10).cost, Cost | None)
model.invoke("Hello", config={"callbacks": [QwenCostCallbackHandler(on_record=print)]})

# Middleware.
accounts = {"ada": SpendingAccount({"USD": "0.25"})}
CostBudgetMiddleware("0.50 USD", per="user", users=accounts, exit_behavior="error")
CostBudgetMiddleware(Money.parse("1 CNY"), cheaper_model=model, price_of=price)
QwenModelRouterMiddleware(
    [Route("legal", "qwen3.6-max-preview", lambda request: len(request.messages) > 1)],
    canary={"qwen3.7-plus-preview": 0.05},
    fallbacks={TimeoutError: [model, "qwen3.6-flash"]},
)
PromptCachingMiddleware(min_tokens=2048, history=False)
TierGuardMiddleware("summarize", summary_model=model, keep=0.4)
ToolCallRepairMiddleware(max_repairs=1)
assert_type(accounts["ada"].spent, dict[str, Decimal])

# The embedded engine.
assert_type(shared_engine(context_tokens=512), LocalEngine)


def embeddings_rerank_and_files() -> None:
    """Check the settings, and what comes back."""
    embeddings = QwenEmbeddings(
        model="text-embedding-v4", gateway="dashscope", api_key="sk-key", timeout=30
    )
    assert_type(embeddings.embed_documents(["one"]), list[list[float]])
    result = embeddings.embed(["one"])
    assert_type(result.vectors, list[list[float]])
    assert_type(result.usage.cost, Mapping[str, Decimal])
    assert_type(result.requests[0].input_tokens, int | None)

    rerank = QwenRerank(model="qwen3-rerank", top_n=3, min_score=0.5)
    assert_type(rerank.rerank("query", ["one"])[0].relevance_score, float)
    assert_type(rerank.compress_documents([Document("one")], "query"), Sequence[Document])

    files = QwenFiles(gateway="dashscope")
    file = files.upload("report.pdf", purpose="file-extract")
    assert_type(file, UploadedFile)
    assert_type(file.content_block, dict[str, Any])
    assert_type(files.delete(file), bool)
    assert_type(files.wait_until_processed(file.id), UploadedFile)


async def the_same_async(embeddings: QwenEmbeddings, files: QwenFiles) -> None:
    """Each has its twin."""
    assert_type(await embeddings.aembed_query("one"), list[float])
    assert_type(await files.aupload(b"one", filename="one.txt"), UploadedFile)
    async for file in files.alist(purpose="batch"):
        assert_type(file, UploadedFile)
