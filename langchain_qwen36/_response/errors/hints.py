"""What to do about an error, said at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_qwen36.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    NotFoundError,
    PaymentRequiredError,
)
from langchain_qwen36.gateways import GATEWAYS

if TYPE_CHECKING:
    from langchain_qwen36._response.errors.classify import ErrorClass
    from langchain_qwen36.gateways import Gateway

_ADVICE = {
    NotFoundError: "Check `model=` and `base_url=`.",
    PaymentRequiredError: "Waiting does not help: top up or pay at the gateway.",
    ContextOverflowError: "Shorten or summarise the messages, or choose a longer window.",
    ContentFilterError: "The flagged text is still in your messages: take it out before going on.",
}


def hint(error_class: ErrorClass, gateway: Gateway) -> str | None:
    """The sentence that names the fix, or None where none is known."""
    if error_class.advice:
        return error_class.advice
    if error_class.error is AuthenticationError:
        return _about_the_key(gateway)
    return _ADVICE.get(error_class.error)


def _about_the_key(gateway: Gateway) -> str:
    """Rows that share a variable are regions of one vendor, and a key is bound to its region."""
    variable = " or ".join(gateway.key_env)
    text = f"Check `api_key=`{f' or {variable}' if variable else ''}."
    regions = [
        row.name
        for row in GATEWAYS.values()
        if row.name != gateway.name and row.base_url and set(row.key_env) & set(gateway.key_env)
    ]
    if regions:
        text += f" A key is bound to its region; the others are {', '.join(map(repr, regions))}."
    return text
