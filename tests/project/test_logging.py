"""Lines of the log stay one line each."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import langchain_qwen36
from langchain_qwen36._logging import logger_for


@pytest.mark.parametrize("breaker", ["\n", "\r\n", "\x85", "\u2028", "\x1b[2K"], ids=repr)
def test_a_line_break_cannot_forge_a_line(breaker: str, caplog: pytest.LogCaptureFixture) -> None:
    """Control characters that a server wrote are escaped."""
    with caplog.at_level(logging.WARNING):
        logger_for("langchain_qwen36.test").warning("No price for %s", f"x{breaker}ERROR forged")
    assert [len(record.getMessage().splitlines()) for record in caplog.records] == [1]
    assert "\x1b" not in caplog.text
    assert "ERROR forged" in caplog.text


def test_every_logger_escapes() -> None:
    """All modules get their logger from the one function."""
    package = Path(langchain_qwen36.__file__).parent
    others = [
        path.name
        for path in package.rglob("*.py")
        if "getLogger(" in path.read_text() and path.name != "_logging.py"
    ]
    assert others == []
