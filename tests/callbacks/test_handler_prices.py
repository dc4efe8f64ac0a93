"""Which price a call is given: the bill, the list, your own, or none."""

from __future__ import annotations

from decimal import Decimal

import httpx2
import pytest
from fake_chat_model import MILLION, ONE, PROMPT, USAGE, FakeQwen
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_openai import ChatOpenAI

from langchain_qwen36.callbacks import QwenCostCallbackHandler, get_qwen_cost_callback
from langchain_qwen36.callbacks.tracked_call import gateway_of_start
from langchain_qwen36.catalog import PriceBook, find_offer
from langchain_qwen36.pricing import Money, cost, cost_record, sum_records


def test_a_reported_bill_goes_before_the_list():
    """What the gateway says it charged is the cost, and the record says so."""
    with get_qwen_cost_callback() as cb:
        FakeQwen(gateway="openrouter", reported="0.0123").invoke(PROMPT)

    assert (Decimal("0.0123"), "reported") == (cb.total_cost, cb.runs[0].price_source)


def test_an_unknown_model_has_no_price_and_says_so_once(caplog):
    """The total of unpriced calls is None, never 0."""
    with get_qwen_cost_callback() as cb:
        for _ in range(3):
            FakeQwen(model_name="gpt-9").invoke(PROMPT)

    assert (cb.total_cost, cb.unpriced_calls, cb.partial) == (None, 3, True)
    assert caplog.text.count("No price is known for gpt-9") == 1


def test_a_total_beside_unpriced_calls_is_partial():
    """What is known is summed, and the gap is said."""
    with get_qwen_cost_callback() as cb:
        FakeQwen().invoke(PROMPT)
        FakeQwen(model_name="gpt-9").invoke(PROMPT)

    assert (cb.total_cost, cb.unpriced_calls, cb.partial) == (ONE, 1, True)
    assert "1 call without a known price: the cost is partial" in str(cb)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("qwen3.6-plus", id="bare"),
        pytest.param("qwen3.6-plus-2026-04-02", id="dated"),
        pytest.param("qwen/qwen3.6-plus", id="prefixed"),
        pytest.param("alibaba/qwen3.6-plus", id="other-prefix"),
    ],
)
def test_other_classes_are_priced_by_the_models_name(name):
    """A message with usage and a known name needs no bill of ours; spellings are one model."""
    with get_qwen_cost_callback() as cb:
        FakeQwen(model_name=name, says_cost=False).invoke(PROMPT)

    assert {model: s.cost for model, s in cb.by_model().items()} == {"qwen3.6-plus": ONE}


class _Foreign(FakeQwen):
    """As a class that says nothing of its gateway but the URL in its settings."""

    url: str | None = None

    @property
    def _serialized(self):
        return {"name": "ChatOther", "kwargs": {"openai_api_base": self.url}}


@pytest.mark.parametrize(
    ("url", "settings", "cost"),
    [
        pytest.param(
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", {}, ONE, id="known-url"
        ),
        pytest.param("https://proxy.example/v1", {}, None, id="unknown-url"),
        pytest.param(
            "https://proxy.example/v1", {"price_as": "dashscope-intl"}, ONE, id="price-as"
        ),
        pytest.param(
            None,
            {
                "price_of": lambda model, gateway, usage: Money(
                    Decimal(usage["input_tokens"]), "EUR"
                )
            },
            Decimal(1000),
            id="price-of",
        ),
    ],
)
def test_the_gateway_of_other_classes_is_found_or_said(url, settings, cost):
    """A known base URL names the gateway; otherwise you say whose prices hold."""
    with get_qwen_cost_callback(**settings) as cb:
        _Foreign(url=url, gateway=None, says_cost=False).invoke(PROMPT)

    assert cost == cb.total_cost


def _completion(request):
    return httpx2.Response(
        200,
        json={
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "qwen3.6-plus",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "18 degrees"},
                }
            ],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
            | ({"cost": 0.0123} if "openrouter" in str(request.url) else {}),
        },
    )


@pytest.mark.parametrize(
    ("url", "cost", "source"),
    [
        pytest.param(
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", ONE, "list", id="list"
        ),
        pytest.param("https://openrouter.ai/api/v1", Decimal("0.0123"), "reported", id="reported"),
    ],
)
def test_chatopenai_at_a_qwen_gateway_is_priced(url, cost, source):
    """The real class: its URL names the gateway, its raw usage may hold the bill."""
    with httpx2.Client(transport=httpx2.MockTransport(_completion)) as client:
        model = ChatOpenAI(model="qwen3.6-plus", base_url=url, api_key="x", http_client=client)
        with get_qwen_cost_callback() as cb:
            model.invoke(PROMPT)

    assert (cb.total_cost, cb.runs[0].price_source) == (cost, source)


def test_a_discount_is_taken_off_the_list_but_not_off_a_bill():
    """A reported amount is already what was paid."""
    with get_qwen_cost_callback(discount="0.85") as cb:
        FakeQwen().invoke(PROMPT)
        FakeQwen(gateway="openrouter", reported="0.0123").invoke(PROMPT)

    assert [ONE * Decimal("0.85"), Decimal("0.0123")] == [record.cost for record in cb.runs]


def test_your_own_book_replaces_the_list(tmp_path):
    """A row of your file prices the call, though the message carries the bundled price."""
    path = tmp_path / "prices.toml"
    path.write_text(
        '[[offer]]\ngateway = "dashscope-intl"\nmodel = "qwen3.6-plus"\n'
        '[[offer.price]]\ncurrency = "USD"\ntiers = [{ input = "1.00", output = "1.00" }]\n'
        'source = "contract"\nchecked = 2026-11-21\n'
    )
    with get_qwen_cost_callback(book=PriceBook.from_toml(path)) as cb:
        FakeQwen().invoke(PROMPT)

    assert Decimal(1100) / MILLION == cb.total_cost


def test_impossible_cache_counts_are_priced_as_input_and_marked():
    """More cached tokens than input tokens cannot be: the call is charged as if none were."""
    usage = {**USAGE, "input_token_details": {"cache_read": 5000}}
    with get_qwen_cost_callback() as cb:
        FakeQwen(usage=usage, says_cost=False).invoke(PROMPT)

    [record] = cb.runs
    assert (record.cost, record.estimated) == (ONE, True)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"discount": "1.5"}, id="discount"),
        pytest.param({"price_as": "nowhere"}, id="price-as"),
        pytest.param({"price_as": "dashscope-intl:gpt-9"}, id="price-as-model"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_once(settings):
    """Not at the first call, where LangChain would swallow it."""
    with pytest.raises(ValueError, match=next(iter(settings))):
        QwenCostCallbackHandler(**settings)


def test_several_answers_to_one_call_are_billed_once():
    """With n > 1 the usage stands on the first answer."""
    with get_qwen_cost_callback() as cb:
        FakeQwen(n=3).invoke(PROMPT)

    assert (cb.calls, cb.total_cost) == (1, ONE)


def test_an_llm_cache_hit_costs_nothing_and_is_counted_apart():
    """Two equal calls cost one."""
    model = FakeQwen(cache=InMemoryCache())
    with get_qwen_cost_callback() as cb:
        model.invoke(PROMPT)
        model.invoke(PROMPT)

    summary = cb.summary()
    assert (cb.calls, cb.cached_calls, cb.total_cost) == (1, 1, ONE)
    assert (summary.tokens.total, summary.llm_cache_tokens.total) == (1100, 1100)


def test_currencies_are_never_added():
    """Dollars and yuan keep a sum each, and the one total refuses."""
    with get_qwen_cost_callback() as cb:
        FakeQwen().invoke(PROMPT)
        FakeQwen(gateway="dashscope").invoke(PROMPT)

    assert list(cb.costs) == ["CNY", "USD"]
    with pytest.raises(ValueError, match="CNY and USD"):
        _ = cb.total_cost


def test_the_stock_usage_callback_still_adds_up_beside_ours():
    """Nothing is written into the messages."""
    with get_usage_metadata_callback() as stock, get_qwen_cost_callback():
        FakeQwen().batch([PROMPT] * 3)

    assert stock.usage_metadata["qwen3.6-plus"]["total_tokens"] == 3300


def test_a_call_on_your_own_machine_costs_nothing():
    """The embedded engine has no price because nobody charges for it."""
    with get_qwen_cost_callback() as cb:
        FakeQwen(gateway="local", says_cost=False).invoke(PROMPT)

    assert (cb.total_cost, cb.unpriced_calls, cb.tokens.total) == (0, 0, 1100)


def test_price_as_also_serves_a_gateway_without_a_list():
    """A self-hosted model may be compared with what a gateway would have charged."""
    with get_qwen_cost_callback(price_as="dashscope-intl") as cb:
        FakeQwen(gateway="vllm", says_cost=False).invoke(PROMPT)

    assert (cb.total_cost, cb.runs[0].price_source) == (ONE, "price_as")
    assert "1 call at the prices that `price_as` names" in str(cb)


@pytest.mark.parametrize("gateway", ["vllm", "local", None])
def test_price_as_may_name_a_model_for_any_other(gateway):
    """The tokens of your own server, the embedded one too, as a hosted model's, tier and all."""
    with get_qwen_cost_callback(price_as="dashscope-intl:qwen3.6-plus") as cb:
        FakeQwen(gateway=gateway, model_name="my-own", says_cost=False).invoke(PROMPT)

    (call,) = cb.runs
    assert (call.model, call.gateway, call.cost) == ("my-own", gateway, ONE)
    assert call.tier == find_offer("dashscope-intl", "qwen3.6-plus").prices[0].tiers[0].label


def test_price_as_never_replaces_a_price_of_ones_own():
    """It is for calls without one."""
    with get_qwen_cost_callback(price_as="dashscope-intl:qwen3.6-flash") as cb:
        FakeQwen(says_cost=False).invoke(PROMPT)

    assert (cb.total_cost, cb.runs[0].price_source) == (ONE, "list")


def test_a_gateway_in_price_as_has_no_price_for_a_model_it_does_not_serve():
    """So a call to the embedded engine stays free."""
    with get_qwen_cost_callback(price_as="dashscope-intl") as cb:
        FakeQwen(gateway="local", model_name="my-own", says_cost=False).invoke(PROMPT)

    assert (cb.total_cost, cb.runs[0].price_source) == (0, "not_billed")


def test_a_price_function_that_fails_leaves_the_call_unpriced(caplog):
    """The call is in the book, and the fault in the log."""

    def broken(model, gateway, usage):
        raise KeyError("no such row")

    with get_qwen_cost_callback(price_of=broken) as cb:
        FakeQwen().invoke(PROMPT)

    assert (cb.total_cost, cb.unpriced_calls) == (None, 1)
    assert "no such row" in caplog.text


def test_a_price_function_may_leave_a_call_to_the_list():
    """None means: not mine."""
    with get_qwen_cost_callback(price_of=lambda model, gateway, usage: None) as cb:
        FakeQwen().invoke(PROMPT)

    assert cb.total_cost == ONE


def test_the_bill_on_the_message_keeps_the_models_own_discount():
    """A model knows its account better than a handler that was told nothing."""
    with get_qwen_cost_callback() as cb:
        FakeQwen(discount="0.5").invoke(PROMPT)

    assert cb.total_cost == ONE / 2


def test_a_book_that_lacks_the_offer_leaves_the_bill_of_the_message():
    """Your rows are laid over what is known, and take nothing away."""
    with get_qwen_cost_callback(book=PriceBook([], [])) as cb:
        FakeQwen().invoke(PROMPT)

    assert cb.total_cost == ONE


def test_a_bill_that_another_class_lifted_out_is_read():
    """ChatOpenRouter puts the number beside the usage."""
    with get_qwen_cost_callback() as cb:
        FakeQwen(says_cost=False, extra={"cost": 0.0123}).invoke(PROMPT)

    assert (cb.total_cost, cb.runs[0].price_source) == (Decimal("0.0123"), "reported")


def test_hits_in_an_explicit_cache_are_cheaper():
    """The raw usage says which cache it was."""
    usage = {**USAGE, "input_token_details": {"cache_read": 1000}}
    raw = {"prompt_tokens_details": {"cache_type": "ephemeral"}}
    costs = []
    for extra in ({}, {"token_usage": raw}):
        with get_qwen_cost_callback() as cb:
            FakeQwen(usage=usage, says_cost=False, extra=extra).invoke(PROMPT)
        costs.append(cb.runs[0].input_cost)

    assert costs == [Decimal("0.10") * 1000 / MILLION, Decimal("0.05") * 1000 / MILLION]


def test_a_free_call_is_no_cache_hit():
    """LangChain's mark is the integer 0; a traced cost of nothing is a float."""
    with get_qwen_cost_callback() as cb:
        FakeQwen(usage={**USAGE, "total_cost": 0.0}).invoke(PROMPT)

    assert (cb.calls, cb.cached_calls) == (1, 0)


@pytest.mark.parametrize(
    ("kwargs", "params", "metadata", "expected"),
    [
        pytest.param({}, {"gateway": "mine"}, {}, "mine", id="ours-says-it"),
        pytest.param({}, {}, {"ls_provider": "openrouter"}, "openrouter", id="named-like-it"),
        pytest.param({}, {}, {"ls_provider": "openai"}, None, id="anybody"),
        pytest.param(
            {"base_url": "https://openrouter.ai/api/v1"}, {}, {}, "openrouter", id="base-url"
        ),
        pytest.param(
            {"api_base": "https://openrouter.ai/api/v1"}, {}, {}, "openrouter", id="api-base"
        ),
    ],
)
def test_the_start_of_a_call_names_its_gateway(kwargs, params, metadata, expected):
    """Where it can; a guess would price the call wrongly."""
    assert gateway_of_start({"kwargs": kwargs}, params, metadata) == expected


def test_two_requests_on_one_message_are_not_priced_as_one():
    """Each paid its own tier; their usages together would pay the next one."""
    usage = {"input_tokens": 400_000, "output_tokens": 0, "total_tokens": 400_000}
    each = cost({"input_tokens": 200_000}, find_offer("dashscope-intl", "qwen3.6-plus"))
    bill = {**cost_record(each, None), "total": float(2 * each.total)}
    with get_qwen_cost_callback(book=PriceBook.bundled()) as cb:
        FakeQwen(usage=usage, extra={"requests": [{}, {}], "cost": bill}).invoke(PROMPT)

    assert cb.total_cost == 2 * Decimal("0.50") * 200_000 / MILLION


@pytest.mark.parametrize(
    ("settings", "paid"),
    [
        pytest.param({"discount": "0.5"}, "0.5", id="discount"),
        pytest.param({"book": PriceBook.bundled()}, "1", id="book"),
    ],
)
@pytest.mark.parametrize("says_cost", [True, False], ids=["with-a-bill", "without"])
def test_each_of_two_requests_is_priced_by_the_handlers_settings(settings, paid, says_cost):
    """A discount holds for a call of two requests as for any, and each pays its own tier."""
    raw = {"prompt_tokens": 200_000, "completion_tokens": 0, "total_tokens": 200_000}
    usage = {"input_tokens": 400_000, "output_tokens": 0, "total_tokens": 400_000}
    each = cost({"input_tokens": 200_000}, find_offer("dashscope-intl", "qwen3.6-plus"))
    bill = cost_record(each, None) if says_cost else None
    extra = {"requests": [{"usage": raw, "cost": bill}] * 2}
    extra |= {"cost": sum_records([bill, bill])} if says_cost else {}
    with get_qwen_cost_callback(**settings) as cb:
        FakeQwen(usage=usage, extra=extra, says_cost=says_cost).invoke(PROMPT)

    assert cb.total_cost == 2 * each.total * Decimal(paid)


def test_the_list_price_stands_beside_what_the_gateway_reports():
    """A record has both amounts, for who compares them with an invoice."""
    with get_qwen_cost_callback() as cb:
        FakeQwen(reported="0.0123").invoke(PROMPT)
        FakeQwen().invoke(PROMPT)

    reported, listed = cb.runs
    assert (reported.cost, reported.list_cost) == (Decimal("0.0123"), ONE)
    assert (listed.cost, listed.list_cost) == (ONE, ONE)
