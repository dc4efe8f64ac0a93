"""Loggers whose lines stay one line, whatever a server or a model wrote into them."""

from __future__ import annotations

import logging
import re

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


def logger_for(name: str) -> logging.Logger:
    """Return a module's logger; control characters in its messages are escaped.

    A line break in a model's name or a request id could otherwise forge a line of the log
    (https://owasp.org/www-community/attacks/Log_Injection).
    """
    logger = logging.getLogger(name)
    logger.addFilter(_escape_control_characters)
    return logger


def _escape_control_characters(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    if _CONTROL.search(message):
        record.msg = _CONTROL.sub(lambda match: repr(match[0])[1:-1], message)
        record.args = ()
    return True
