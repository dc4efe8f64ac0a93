"""Clean an API key: remove the quotes and white space that files leave around it."""

from __future__ import annotations

from langchain_qwen36.errors import UnsupportedSettingError

_QUOTES = "\"'"


def clean_api_key(key: str) -> str:
    """Return a key without the white space and quotes around it.

    `open("key").read()` ends with a newline, and Docker's `--env-file` keeps the quotes.

    Raises:
        UnsupportedSettingError: nothing is left, or there is white space inside the key, or a
            character that no HTTP header can carry; the key is not in the message.
    """
    given, key = key, key.strip()
    if len(key) > 1 and key[0] == key[-1] and key[0] in _QUOTES:
        key = key[1:-1].strip()
    if given and not key:
        raise UnsupportedSettingError("`api_key` is empty: pass a key, or None for the variable.")
    if len(key.split()) > 1:
        raise UnsupportedSettingError(
            "`api_key` has white space or a newline inside: was more than the key copied?"
        )
    if not key.isascii():
        raise UnsupportedSettingError(
            "`api_key` has a character that no HTTP header can carry: was it copied with a dash "
            "or a quote of a word processor?"
        )
    return key
