"""The prompt of a bulk run: one template, filled with the fields of each row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from langchain_core.messages import BaseMessage, convert_to_messages
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import BasePromptTemplate, ChatPromptTemplate, PromptTemplate

from langchain_qwen36._content.json_arguments import lenient_json
from langchain_qwen36.errors import BulkInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Prompt = str | Path | BasePromptTemplate[Any] | list[Any] | None
"""An f-string template (`"Translate: {text}"`), a file of one (`.txt`, or messages in `.yaml` or
`.json`), messages, or LangChain's own template. None: rows have `messages` (a chain takes the row
itself)."""

_MESSAGE_FILES = frozenset({".yaml", ".yml", ".json"})


class RowPrompt:
    """Turns the fields of a row into the model's input."""

    def __init__(self, prompt: Prompt, *, for_chain: bool = False) -> None:
        """Read a prompt.

        Raises:
            BulkInputError: The file cannot be read, or the value is no template or has no message.
        """
        if not isinstance(prompt, str | Path | list | BasePromptTemplate | None):
            kind = type(prompt).__name__
            raise BulkInputError(f"`prompt` must be text, Path, messages or template, not {kind}.")
        self._for_chain = for_chain
        self._text: str | None = None
        self._template: BasePromptTemplate[Any] | None = None
        prompt = _read(prompt) if isinstance(prompt, Path) else prompt
        try:
            if isinstance(prompt, str):
                self._template, self._text = PromptTemplate.from_template(prompt), prompt
            elif isinstance(prompt, BasePromptTemplate):
                self._template = prompt
            elif isinstance(prompt, list):
                self._template = _chat_template(prompt)
        except (ValueError, TypeError, NotImplementedError) as error:
            raise BulkInputError(f"The prompt is no template: {error}") from error
        self.variables = self._variables()
        """The fields that each row must have."""

    def _variables(self) -> tuple[str, ...]:
        if self._template is not None:
            return tuple(self._template.input_variables)
        return () if self._for_chain else ("messages",)

    @property
    def identity(self) -> str:
        """A text that distinguishes this prompt from others in the journal."""
        return self._text or repr(self._template)

    def problem_of(self, fields: Mapping[str, Any]) -> str | None:
        """Return why a row cannot be sent: the field that it lacks, or messages that are none."""
        missing = [name for name in self.variables if fields.get(name) is None]
        if not missing:
            has_own = self._template is None and not self._for_chain
            return _problem_of_messages(fields["messages"]) if has_own else None
        known = ", ".join(map(str, fields)) or "none"
        return f"it has no field {', '.join(map(repr, missing))} (its fields: {known})"

    def fill(self, fields: Mapping[str, Any]) -> Any:
        """Return the text or the messages of a row; a chain without a prompt gets the fields."""
        if self._text is not None:
            return self._text.format(**fields)  # LangChain's formatter does it in Python
        if self._template is not None:
            return self._template.invoke(dict(fields)).to_messages()
        if self._for_chain:
            return dict(fields)
        return convert_to_messages(fields["messages"])


def _problem_of_messages(value: Any) -> str | None:
    """Return why a row's messages cannot be sent.

    LangChain would take each letter of a text, and each key of an object, for a message.
    """
    if isinstance(value, PromptValue) or (value and isinstance(value, list | tuple)):
        return None
    found = "empty" if isinstance(value, list | tuple) else f"{type(value).__name__} {value!r:.50}"
    return f"its field 'messages' must be a list of messages, not {found}"


def _chat_template(messages: list[Any]) -> ChatPromptTemplate:
    if not messages:
        raise ValueError("it has no message")
    return ChatPromptTemplate.from_messages([_message(each) for each in messages])


def _read(path: Path) -> Any:
    try:
        text = path.read_text("utf-8")
        if path.suffix.lower() not in _MESSAGE_FILES:
            return text
        messages = orjson.loads(text) if path.suffix.lower() == ".json" else _yaml(text)
    except (OSError, ValueError) as error:
        raise BulkInputError(f"The prompt {path} cannot be read: {error}") from error
    messages = messages.get("messages") if isinstance(messages, dict) else messages
    if not isinstance(messages, list):
        raise BulkInputError(f"The prompt {path} must be a list of messages: role and content.")
    return messages


def _yaml(text: str) -> Any:
    import yaml  # noqa: PLC0415 - langchain-core brings it

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _message(message: Any) -> Any:
    """Convert `{"role": …, "content": …}` to the pair from which LangChain makes a template."""
    if isinstance(message, dict):
        if not {"role", "content"} <= message.keys():
            raise ValueError(f"a message needs `role` and `content`: {message!r:.100}")
        return message["role"], message["content"]
    return message


def canonical(value: str | Sequence[BaseMessage] | Any) -> bytes:
    """Return the bytes by which equal requests are recognized: sorted JSON."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, list) and value and isinstance(value[0], BaseMessage):
        value = [message.model_dump(exclude={"id"}) for message in value]
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(value, default=repr, option=options)
    except TypeError:  # integers beyond 64 bits, half of an emoji
        return lenient_json(value, repr).encode()
