"""Retired models: still priced, named with their successor, and advised by nobody."""

from __future__ import annotations

import logging
import re
from datetime import date
from pathlib import Path

import httpx
import pytest

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.catalog import PriceBook, find_model, find_offer, models_taking

ROOT = Path(__file__).parents[2]
BOOK = PriceBook.bundled()
RETIRED = [model.id for model in BOOK.models.values() if model.retired]
NAMED = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, RETIRED))})(?![\w.-])")
"""A retired id, not as a part of a longer one."""


def texts() -> list[Path]:
    """Return what users read, and every line of the package but its data."""
    files = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*"), ROOT / "README.md"]
    files += [path for path in ROOT.glob("langchain_qwen36/**/*.py") if "data" not in path.parts]
    generated = {"prices.md", "models.md"}
    return [path for path in files if path.suffix and path.name not in generated]


def test_no_default_example_doc_or_middleware_names_a_retired_model():
    """Who follows our pages must not be refused by the gateway."""
    named = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in texts()
        for name in NAMED.findall(path.read_text("utf-8"))
    }
    assert named == set()


@pytest.mark.parametrize("name", RETIRED)
def test_the_successor_of_a_retired_model_is_sold(name):
    """The advice leads to a model that is known and not retired itself."""
    successor = find_model(name).successor
    assert successor is not None
    assert find_model(successor).retired is None


def test_the_successor_at_a_gateway_is_sold_there():
    """A gateway's own successor is one of its offers."""
    wrong = [
        (offer.gateway, offer.model.id)
        for offer in BOOK.offers.values()
        if offer.successor and (offer.gateway, offer.successor) not in BOOK.offers
    ]
    assert wrong == []


def test_a_retired_model_still_prices_old_bills():
    """A report about September must not lose its money in October."""
    offer = find_offer("dashscope-intl", "qwen3.6-max-preview")
    assert offer.price_at(date(2026, 9, 1)) is not None
    assert (offer.is_retired(date(2026, 10, 9)), offer.is_retired(date(2026, 10, 10))) == (
        False,
        True,
    )


def test_open_weights_stay_on_sale_elsewhere():
    """Their maker taking them down concerns his own API only."""
    assert not find_offer("openrouter", "qwen3-next-80b-a3b-instruct").is_retired(date(2031, 1, 1))


def test_no_retired_model_is_advised_for_pictures():
    """The refusal of an image names models that can be called today."""
    assert [name for name in models_taking("image", "dashscope") if name in RETIRED] == []


def test_a_call_of_a_retired_model_is_logged_once_with_its_successor(caplog):
    """The gateway's refusal would not say what to use instead."""
    reply = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "ok"}}]}
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=reply)))
    model = ChatQwen36(
        model="qwen3-coder-plus", gateway="dashscope-us", api_key="sk-test", http_client=client
    )
    with caplog.at_level(logging.WARNING):
        model.invoke("hi")
        model.invoke("hi")
    said = [record for record in caplog.messages if "no longer sold" in record]
    assert said == [
        "qwen3-coder-plus is no longer sold at gateway 'dashscope-us'. Use 'qwen3.7-plus'."
    ]
