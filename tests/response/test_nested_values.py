"""What servers nest too deeply is read as far as it can be, and ends no answer by an error."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_qwen36._response import payload
from langchain_qwen36._response.content_parts import text_of
from langchain_qwen36._response.errors import error_body
from langchain_qwen36._response.nesting_limit import MAX_LEVELS, limit_depth
from langchain_qwen36._response.surrogates import SurrogateJoiner
from langchain_qwen36.gateways import GATEWAYS

UNREADABLE = "(nested too deeply)"


def nested(levels: int, value: Any = "x") -> Any:
    """Return lists in lists."""
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("write", [error_body.dump_excerpt, error_body._text])
def test_an_error_text_names_what_no_writer_can_write(write: Any) -> None:
    """A value that JSON and `str` both refuse stands in an error as what it is."""
    assert write(nested(100_000)) == UNREADABLE


def test_an_error_quotes_no_payload_that_may_hide_a_key() -> None:
    """Secrets are replaced in a payload's JSON; without one, nothing of it is quoted."""
    context = payload.ResponseContext(gateway=GATEWAYS["vllm"], secrets=(b"sk-1",))
    clean = context.redact_payload({"error": nested(100_000, "sk-1")})
    assert clean == {"message": "The payload cannot be quoted: it is nested too deeply."}


def test_lenient_json_that_is_too_deep_is_no_json() -> None:
    """What only the lenient reader takes (NaN) is refused where it is nested too deeply."""
    with pytest.raises(ValueError, match="nested too deeply"):
        payload.loads(b"[NaN," + b"[" * 100_000 + b"]" * 100_001)


def test_a_plain_value_beside_one_that_is_too_deep_stays() -> None:
    """On the last level that is allowed only what is nested becomes text."""
    payload = nested(MAX_LEVELS - 1, [1, ["too deep"]])
    limit_depth(payload)
    assert payload == nested(MAX_LEVELS - 1, [1, '["too deep"]'])


def test_the_text_of_nested_parts_ends_at_a_limit() -> None:
    """Text in parts of parts is read, and left out below the limit."""
    assert [text_of(nested(levels)) for levels in (3, 40)] == ["x", ""]


def test_halves_of_an_emoji_are_joined_to_a_limit() -> None:
    """Below the limit of levels a payload stays as it came."""
    deep = nested(100)
    assert SurrogateJoiner().join(deep) == deep


def test_an_empty_text_keeps_the_half_that_waits() -> None:
    """Half an emoji waits for the next text of its field, past an empty one."""
    joiner = SurrogateJoiner()
    texts = [joiner.join({"text": text})["text"] for text in ("\ud83d", "", "\ude00")]
    assert texts == ["", "", "\U0001f600"]
