"""LangChain's standard integration tests, offline, against gateways that behave as their rows say.

The suite runs on one gateway of each kind: thinking by default, thinking off, wrapped errors and
money in the answer, a server of one's own, and one that does not read `tool_choice`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import httpx
import pytest
from files import PDF, PNG
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests
from loopback import LoopbackGateway

from langchain_qwen36 import GATEWAYS, ChatQwen36

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.language_models import BaseChatModel

LONG = "word " * 1200

Detail = Literal[
    "audio_input", "audio_output", "reasoning_output", "cache_read_input", "cache_creation_input"
]


@pytest.mark.filterwarnings("ignore::langchain_qwen36.QwenWarning")
class Suite(ChatModelIntegrationTests):
    """What the gateways have in common."""

    row: ClassVar[str]
    name: ClassVar[str] = "qwen3.6-plus"
    settings: ClassVar[dict[str, Any]] = {}
    details: ClassVar[list[Detail]] = ["reasoning_output", "cache_read_input"]
    server: ClassVar[LoopbackGateway]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _gateway(cls) -> Iterator[None]:
        with LoopbackGateway(cls.row) as cls.server:
            yield

    @pytest.fixture(autouse=True)
    def _pictures_from_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Replace the download of pictures, for which the suite uses `httpx.get`."""

        def get(url: str, **_: object) -> httpx.Response:
            return httpx.Response(200, content=PDF if url.endswith(".pdf") else PNG)

        monkeypatch.setattr(httpx, "get", get)

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        """Ours."""
        return ChatQwen36

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """As a user of this gateway says it."""
        where = {"base_url": self.server.base_url, "api_key": self.server.key}
        return {"model": self.name, "gateway": self.row, **where, **self.settings}

    @property
    def supports_json_mode(self) -> bool:
        """On every row."""
        return True

    @property
    def supports_image_inputs(self) -> bool:
        """As all but the max model see."""
        return True

    @property
    def supports_image_urls(self) -> bool:
        """The server fetches them."""
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        """The picture goes behind the result."""
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        """Where the row says how a document is sent inside a message."""
        return GATEWAYS[self.row].files in ("file_data", "data")

    @property
    def supports_pdf_tool_message(self) -> bool:
        """It goes behind the result, as a picture does."""
        return self.supports_pdf_inputs

    @property
    def supports_anthropic_inputs(self) -> bool:
        """Anthropic's tool blocks in a history are read as tool calls."""
        return True

    @property
    def model_override_value(self) -> str | None:
        """A sibling that the gateway has too."""
        return "qwen3.6-27b"

    @property
    def supported_usage_metadata_details(self) -> dict[Literal["invoke", "stream"], list[Detail]]:
        """The same whichever way it is asked."""
        return {"invoke": self.details, "stream": self.details}

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        """Ask a question that needs thinking."""
        return self._asked("Why?", stream=stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        """Send a long prompt twice: the second is read from the implicit cache."""
        self._asked(LONG, stream=stream)
        return self._asked(LONG, stream=stream)

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        """Send a marked prompt; its first word makes it a new one."""
        text = f"{'streamed' if stream else 'whole'} {LONG}"
        mark = {"cache_control": {"type": "ephemeral"}}
        marked = HumanMessage([{"type": "text", "text": text, **mark}])
        return self._asked([marked], stream=stream)

    def _asked(self, question: Any, *, stream: bool) -> AIMessage:
        model = self.chat_model_class(**self.chat_model_params)
        if not stream:
            return model.invoke(question)
        first, *rest = model.stream(question)
        assert isinstance(first, AIMessageChunk)
        return sum(rest, first)


class RequiredRefused(Suite):
    """A gateway that takes a named tool only, and that not while thinking."""

    @pytest.mark.xfail(
        reason="`required` is refused, so with two tools the choice is the model's own, and "
        "nothing in 'Hello!' asks for a tool"
    )
    def test_tool_choice(self, model: BaseChatModel) -> None:
        """Named choices of one tool are in the other tests."""
        super().test_tool_choice(model)


class TestThinking(RequiredRefused):
    """Alibaba's own server, as the model is by itself: it thinks."""

    row = "dashscope"
    details: ClassVar[list[Detail]] = [*Suite.details, "cache_creation_input"]


class TestNotThinking(RequiredRefused):
    """The same with thinking off; JSON mode carries the structure."""

    row = "dashscope-intl"
    settings: ClassVar[dict[str, Any]] = {"enable_thinking": False}
    details: ClassVar[list[Detail]] = ["cache_read_input", "cache_creation_input"]

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        """The other way to a structure."""
        return {"method": "json_mode"}


class TestOpenWeights(RequiredRefused):
    """A model that must be streamed inside while it thinks."""

    row = "dashscope"
    name = "qwen3.6-27b"

    @property
    def model_override_value(self) -> str | None:
        """The other way round."""
        return "qwen3.6-plus"


class TestRouter(Suite):
    """A router that wraps errors, repeats finish_reason and has its own name for thoughts."""

    row = "openrouter"
    details: ClassVar[list[Detail]] = [*Suite.details, "cache_creation_input"]

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        """Where the server holds the schema."""
        return {"method": "json_schema"}


class TestMoneyInTheLastChunk(Suite):
    """Usage, money and finish_reason in one chunk."""

    row = "vercel"


class TestReseller(Suite):
    """Errors without an `error`, money in `meta`, no `[DONE]`."""

    row = "aimlapi"
    details: ClassVar[list[Detail]] = ["reasoning_output"]


class TestSelfHosted(Suite):
    """A server of one's own: the switch in the template's arguments, any tool may be forced."""

    row = "vllm"
    name = "qwen3.6-35b-a3b"

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        """Guided decoding."""
        return {"method": "json_schema"}


class TestToolChoiceNotRead(Suite):
    """A server that does not read `tool_choice`."""

    row = "ollama"
    name = "qwen3.6-35b-a3b"
    details: ClassVar[list[Detail]] = []

    @property
    def has_tool_choice(self) -> bool:
        """No call can be forced there."""
        return False
