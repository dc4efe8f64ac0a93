"""Read requests to the model, and note in the answer what middleware did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from langchain.agents.middleware.types import ExtendedModelResponse, ModelResponse
from langchain_core.messages import AIMessage

from langchain_qwen36.catalog import PriceBook
from langchain_qwen36.chat_models import ChatQwen36

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain.agents.middleware.types import ModelRequest
    from langchain_core.messages import BaseMessage

    from langchain_qwen36.catalog import Offer
    from langchain_qwen36.gateways import Gateway

ModelResult = ModelResponse[Any] | AIMessage | ExtendedModelResponse[Any]


def check_model(name: str, value: object) -> None:
    """Refuse a model's name in the place of the model, which would fail only when it is needed.

    Raises:
        TypeError: The message shows the model of that name.
    """
    if isinstance(value, str):
        raise TypeError(f"`{name}={value!r}` must be a model: ChatQwen36(model={value!r})")


def check_choice(name: str, value: Any, choices: Any) -> Any:
    """Return an argument that is one of a `Literal`'s choices.

    Raises:
        ValueError: The value is none of the choices; the message lists them.
    """
    if value not in get_args(choices):
        allowed = ", ".join(repr(choice) for choice in get_args(choices))
        raise ValueError(f"`{name}={value!r}` is not known; it is one of {allowed}.")
    return value


def gateway_of(request: ModelRequest[Any]) -> Gateway | None:
    """Return the gateway that a request goes to; None for a model of another class."""
    model = request.model
    return model._endpoint.gateway if isinstance(model, ChatQwen36) else None  # noqa: SLF001


def offer_of(request: ModelRequest[Any]) -> Offer | None:
    """Return the requested model as its gateway sells it; None if no price list is known."""
    gateway, model = gateway_of(request), request.model
    if gateway is None or not isinstance(model, ChatQwen36):
        return None
    name = request.model_settings.get("model") or model.model_name
    return (model.price_book or PriceBook.bundled()).offer(gateway.price_list or gateway.name, name)


def count_tokens(request: ModelRequest[Any], messages: Sequence[BaseMessage]) -> int:
    """Count the input tokens of a request with these messages, its system prompt and its tools."""
    system = [request.system_message] if request.system_message else []
    model, key = request.model, "vl_high_resolution_images"
    if isinstance(model, ChatQwen36) and key in request.model_settings:
        # The only setting of a call that changes how its input is counted.
        model = model.model_copy(update={key: request.model_settings[key]})
    return model.get_num_tokens_from_messages([*system, *messages], request.tools)


def answer_of(result: ModelResult) -> AIMessage | None:
    """Return the model's own message from a handler's result."""
    if isinstance(result, AIMessage):
        return result
    response = result.model_response if isinstance(result, ExtendedModelResponse) else result
    return next((m for m in response.result if isinstance(m, AIMessage)), None)


def with_note(result: ModelResult, key: str, note: Mapping[str, Any]) -> ModelResult:
    """Return a copy of the result with a note in `response_metadata` of the model's message."""
    answer = answer_of(result)
    if answer is None:
        return result
    noted = answer.model_copy(
        update={"response_metadata": {**answer.response_metadata, key: dict(note)}}
    )
    if isinstance(result, AIMessage):
        return noted
    if isinstance(result, ExtendedModelResponse):
        inner = _replace(result.model_response, answer, noted)
        return ExtendedModelResponse(model_response=inner, command=result.command)
    return _replace(result, answer, noted)


def _replace(response: ModelResponse[Any], old: AIMessage, new: AIMessage) -> ModelResponse[Any]:
    messages: list[BaseMessage] = [
        new if message is old else message for message in response.result
    ]
    return ModelResponse(result=messages, structured_response=response.structured_response)
