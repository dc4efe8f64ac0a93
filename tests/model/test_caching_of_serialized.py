"""What is made once and kept, for speed, and follows every change all the same."""

from __future__ import annotations

import pickle
import warnings

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._request.tools import to_wire
from langchain_qwen36._response.chunks import ChunkWriter
from langchain_qwen36._response.delta import Delta


def model(**said):
    """Return a model that needs no environment."""
    return ChatQwen36(gateway="dashscope", api_key="sk-test-12345678", **said)


class TestTheTracedForm:
    def test_it_is_made_once(self):
        """Every call asks for it: the second time it is there."""
        asked = model()

        assert asked._serialized is asked._serialized

    def test_it_follows_a_changed_setting(self):
        """Core's own would stay what it was."""
        asked = model(temperature=0.1)
        before = asked._serialized["kwargs"]["temperature"]
        asked.temperature = 0.2

        assert (before, asked._serialized["kwargs"]["temperature"]) == (0.1, 0.2)

    def test_it_follows_a_change_inside_a_setting(self):
        """A dict of the model's may be written into."""
        asked = model(model_kwargs={"a": 1})
        asked._serialized  # noqa: B018
        asked.model_kwargs["a"] = 2

        assert asked._serialized["kwargs"]["model_kwargs"] == {"a": 2}

    def test_a_copy_has_its_own(self):
        """A copy takes along what was made, and not for longer than it is true."""
        asked = model(temperature=0.1)
        asked._serialized  # noqa: B018
        copied = asked.model_copy(update={"temperature": 0.2})

        assert copied._serialized["kwargs"]["temperature"] == 0.2

    def test_it_makes_no_difference_between_models(self):
        """One that was asked equals one that was not, pickled or not."""
        asked, fresh = model(), model()
        asked._serialized  # noqa: B018

        assert fresh == asked == pickle.loads(pickle.dumps(asked))  # noqa: S301


class TestTheProfilesKeys:
    def test_an_unknown_key_of_yours_is_warned_of(self):
        """As core does for every model."""
        with pytest.warns(UserWarning, match="no_such_key"):
            model(profile={"no_such_key": True})

    def test_ours_are_known(self):
        """Core's warning would say so."""
        with warnings.catch_warnings(record=True) as warned:
            model()._check_profile_keys()

        assert warned == []


class TestTheChunks:
    @pytest.mark.parametrize("kind", ["text", "reasoning"])
    def test_a_chunk_is_what_langchain_would_make(self, kind):
        """They are copies of one empty chunk, filled in without pydantic."""
        chunk = ChunkWriter().write(Delta(kind, 0, "Hi"))
        message = AIMessageChunk(
            content="Hi" if kind == "text" else "",
            additional_kwargs={} if kind == "text" else {"reasoning_content": "Hi"},
            response_metadata={"model_provider": "qwen36"},
        )

        assert ChatGenerationChunk(message=message) == chunk
        assert message.model_dump() == chunk.message.model_dump()
        assert message.model_fields_set == chunk.message.model_fields_set

    def test_no_two_chunks_share_what_can_be_written_into(self):
        """Whoever changes his chunk changes no other; core may add a field that holds a list."""
        first, second = (ChunkWriter().write(Delta("text", 0, "Hi")) for _ in range(2))
        shared = [
            name
            for one, other in ((first, second), (first.message, second.message))
            for name, value in vars(one).items()
            if isinstance(value, dict | list | set) and value is vars(other)[name]
        ]

        assert shared == []
        assert first.message is not second.message


class TestTheToolsSchemas:
    def test_they_are_converted_when_bound(self):
        """What a call finds bound it takes as it is."""
        bound = model().bind_tools([{"title": "f", "type": "object", "properties": {}}])

        assert to_wire(bound.kwargs["tools"]) is bound.kwargs["tools"]
