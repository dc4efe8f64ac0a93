"""The rows that CONTRIBUTING.md shows do what it says, as they stand there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from documents import blocks_of

from langchain_qwen36 import ChatQwen36, Gateway, PriceBook
from langchain_qwen36.catalog import profile_of
from langchain_qwen36.gateways import registry as rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text("utf-8")
[GATEWAY] = [block.code for block in blocks_of(PAGE) if block.language == "python"]
PRICE, MODEL = (block.code for block in blocks_of(PAGE) if block.language == "toml")


@pytest.fixture
def row() -> Gateway:
    """Return the row, as an entry among those of its module."""
    return eval(GATEWAY, vars(rows))  # noqa: S307 - our own page


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    """Return the bundled book with the page's rows in it."""
    path = tmp_path / "rows.toml"
    path.write_text(PRICE + MODEL, "utf-8")
    return PriceBook.from_toml(path)


def test_a_new_gateway_thinks_and_has_a_price(
    gateway_server: Callable[..., LoopbackGateway], row: Gateway, book: PriceBook
) -> None:
    """Two rows are all of it, from the body that leaves to the bill."""
    server = gateway_server(row)
    model = ChatQwen36(
        model="qwen3.6-27b",
        gateway=row,
        base_url=server.base_url,
        api_key=server.key,
        price_book=book,
        enable_thinking=True,
    )
    message = model.invoke("Hello")

    assert server.bodies[0]["enable_thinking"] is True
    assert message.additional_kwargs["reasoning_content"]
    assert message.response_metadata["gateway"] == "acme"
    cost, usage = message.response_metadata["cost"], message.usage_metadata
    expected = (usage["input_tokens"] * 0.5 + usage["output_tokens"] * 3) / 1e6
    assert cost["total"] == pytest.approx(expected)
    assert cost["price_source"] == "acme.example/pricing"


def test_a_new_gateway_has_its_variables(row: Gateway) -> None:
    """They are named after it."""
    assert row.key_env == ("ACME_API_KEY",)
    assert row.base_url_env == ("ACME_BASE_URL",)
    assert row.hosts == ("api.acme.example",)


def test_a_new_model_has_a_profile_and_spellings(book: PriceBook) -> None:
    """Its row is found by a dated snapshot and by a build."""
    dated, built = book.model("qwen3.6-mini-2027-01-01"), book.model("Qwen/Qwen3.6-Mini-FP8")
    profile = profile_of(dated)

    assert dated is built
    assert profile["name"] == "qwen3.6-mini"
    assert (profile["max_input_tokens"], profile["max_output_tokens"]) == (262_144, 65_536)
    assert (profile["text_inputs"], profile["image_inputs"]) == (True, False)


def test_a_gateway_with_its_price_is_a_small_diff() -> None:
    """Under 15 lines, an empty one and those of the page's table and the changelog counted."""
    assert len(GATEWAY.splitlines()) + len(PRICE.splitlines()) + 3 < 15
