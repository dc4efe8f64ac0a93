from __future__ import annotations

import json
import math
from copy import deepcopy

import orjson
import pytest
from files import packed, png
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.function import FunctionMessage

from langchain_qwen36._request.history_policy import HistoryPolicy
from langchain_qwen36._request.messages import to_wire
from langchain_qwen36._request.sent_tool_names import ToolNames
from langchain_qwen36.errors import MessageError
from langchain_qwen36.gateways import GATEWAYS, Gateway

PLAIN = Gateway(name="plain")
ONE_SYSTEM = Gateway(name="one-system", one_system_message=True)
DASHSCOPE = GATEWAYS["dashscope"]
OPENROUTER = GATEWAYS["openrouter"]
VLLM = GATEWAYS["vllm"]
PNG = packed(png(64, 48))
IMAGE = {"type": "image", "base64": PNG, "mime_type": "image/png"}
SHOWN = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
USER = {"role": "user", "content": "hi"}
MARK = {"type": "ephemeral"}


def call(name="f", call_id="c1", **args):
    """Return a tool call of the history."""
    return {"name": name, "args": args, "id": call_id}


def strict(gateway):
    """Return the names of a call without tools whose history is refused, not adapted."""
    return ToolNames((), gateway, HistoryPolicy(strict=True))


def loop(*, ai=None, tool="ok", call_id="c1"):
    """Return a user's question, a call, its result."""
    ai = ai or AIMessage("", tool_calls=[call(call_id=call_id)])
    return [HumanMessage("hi"), ai, ToolMessage(tool, tool_call_id=call_id)]


class TestRoles:
    def test_each_role_has_its_wire_name(self):
        """The five roles that LangChain has, in an order that servers take."""
        messages = [
            SystemMessage("s"),
            HumanMessage("u", name="ann"),
            AIMessage("a", name="bot"),
            *loop(),
        ]

        assert to_wire(messages, PLAIN) == [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "u", "name": "ann"},
            {"role": "assistant", "content": "a", "name": "bot"},
            USER,
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "ok"},
        ]

    @pytest.mark.parametrize(
        ("role", "expected"),
        [
            pytest.param("user", "user", id="user"),
            pytest.param("human", "user", id="human"),
            pytest.param("system", "system", id="system"),
            pytest.param("developer", "system", id="developer"),
            pytest.param("assistant", "assistant", id="assistant"),
            pytest.param("ai", "assistant", id="ai"),
        ],
    )
    def test_a_chat_message_is_read_by_its_role(self, role, expected):
        """`ChatMessage` says its role in words; developer is system here."""
        wire = to_wire([ChatMessage("x", role=role), HumanMessage("hi")], PLAIN)

        assert wire[0] == {"role": expected, "content": "x"}

    @pytest.mark.parametrize(
        ("message", "words"),
        [
            pytest.param(ChatMessage("x", role="critic"), ["'critic'", "ToolMessage"], id="role"),
            pytest.param(FunctionMessage("x", name="f"), ["FunctionMessage"], id="function"),
            pytest.param(RemoveMessage("1"), ["RemoveMessage"], id="remove"),
            pytest.param(HumanMessage([]), ["no content"], id="empty-list"),
            pytest.param(HumanMessage.model_construct(content=None), ["None"], id="none"),
            pytest.param(SystemMessage.model_construct(content=None), ["None"], id="system-none"),
            pytest.param(SystemMessage([IMAGE]), ["'image'", "HumanMessage"], id="system"),
            pytest.param({"role": "user"}, ["dict"], id="no-message"),
        ],
    )
    def test_what_has_no_place_on_the_wire_is_refused_by_name(self, message, words):
        """Nothing is dropped in silence."""
        with pytest.raises(MessageError) as refused:
            to_wire([message, HumanMessage("hi")], PLAIN)

        assert [word for word in words if word not in str(refused.value)] == []

    def test_an_assistant_message_without_content_says_nothing(self):
        """Null is refused by Alibaba; a stored message may hold it."""
        ai = AIMessage.model_construct(
            content=None, tool_calls=[], invalid_tool_calls=[], additional_kwargs={}
        )

        assert to_wire([ai, HumanMessage("hi")], PLAIN)[0] == {"role": "assistant", "content": ""}

    @pytest.mark.parametrize(
        "message",
        [
            pytest.param(HumanMessage("half \ud83d"), id="user"),
            pytest.param(AIMessage("half \ud83d"), id="assistant"),
            pytest.param(SystemMessage("half \ud83d"), id="system"),
            pytest.param(HumanMessage(["half \ud83d"]), id="block"),
            pytest.param(
                AIMessage("", additional_kwargs={"reasoning_content": "half \ud83d"}), id="thought"
            ),
        ],
    )
    def test_half_an_emoji_does_not_poison_the_conversation(self, message):
        """A lone surrogate cannot be encoded; it is replaced, the rest of the text stays."""
        body = orjson.dumps(to_wire([message, HumanMessage("hi")], PLAIN, replay="all"))

        assert "half \ufffd" in body.decode()

    def test_two_halves_that_meet_become_the_emoji(self):
        """A pair that a parser left apart is one character again."""
        [message] = to_wire([HumanMessage("\ud83d\ude00")], PLAIN)

        assert message["content"] == "😀"


class TestSystem:
    """Qwen's template refuses a second system message, or one that is not first."""

    @pytest.mark.pain("P08")
    def test_all_system_messages_become_one_at_the_front(self):
        """In their order, a blank line between."""
        messages = [
            SystemMessage("A"),
            HumanMessage("hi"),
            AIMessage("a"),
            SystemMessage("B"),
            HumanMessage("hi"),
        ]

        assert to_wire(messages, ONE_SYSTEM) == [
            {"role": "system", "content": "A\n\nB"},
            USER,
            {"role": "assistant", "content": "a"},
            USER,
        ]

    @pytest.mark.pain("P08")
    def test_a_valid_order_stays_byte_for_byte(self):
        """One system message in front is what a server without the rule gets too."""
        messages = [SystemMessage("A", name="n"), HumanMessage("hi")]

        assert to_wire(messages, ONE_SYSTEM) == to_wire(messages, PLAIN)

    def test_other_servers_keep_system_messages_in_place(self):
        """Where the row has no such rule nothing moves."""
        wire = to_wire([HumanMessage("hi"), SystemMessage("B")], PLAIN)

        assert [message["role"] for message in wire] == ["user", "system"]

    @pytest.mark.pain("P64")
    def test_a_marked_block_survives_the_folding(self):
        """`cache_control` needs parts; the texts stay apart by the same blank line."""
        marked = {"type": "text", "text": "B", "cache_control": MARK}
        wire = to_wire([SystemMessage("A"), SystemMessage([marked]), HumanMessage("hi")], DASHSCOPE)

        assert wire[0]["content"] == [
            {"type": "text", "text": "A"},
            {"type": "text", "text": "\n\nB", "cache_control": MARK},
        ]

    @pytest.mark.pain("P54")
    def test_text_blocks_become_a_string(self):
        """String-only servers take a list of blocks as one text."""
        blocks = ["a", {"type": "text", "text": "b", "index": 0}]

        assert to_wire([SystemMessage(blocks), HumanMessage("hi")], PLAIN)[0]["content"] == "a\nb"

    def test_the_system_message_between_a_call_and_its_result_does_not_part_them(self):
        """Middleware adds system messages anywhere."""
        question, ai, tool = loop()
        wire = to_wire([question, ai, SystemMessage("s"), tool], ONE_SYSTEM)

        assert [m["role"] for m in wire] == ["system", "user", "assistant", "tool"]

    def test_uploaded_files_stand_behind_the_system_message(self):
        """A document is named by a system message of its own."""
        block = {"type": "file", "file_id": "file-fe-1"}
        wire = to_wire(
            [
                SystemMessage("A"),
                SystemMessage("B"),
                SystemMessage("fileid://file-fe-0"),
                HumanMessage([block, "sum it up"]),
            ],
            DASHSCOPE,
        )

        assert wire == [
            {"role": "system", "content": "A\n\nB"},
            {"role": "system", "content": "fileid://file-fe-0"},
            {"role": "system", "content": "fileid://file-fe-1"},
            {"role": "user", "content": "sum it up"},
        ]


class TestCalls:
    @pytest.mark.pain("P03")
    def test_an_assistant_turn_of_calls_only_has_an_empty_content(self):
        """Null or a missing key is refused by Alibaba, through resellers too."""
        assert to_wire(loop(), DASHSCOPE)[1]["content"] == ""

    def test_calls_carry_their_index_where_the_row_says(self):
        """DashScope documents it as required in histories."""
        ai = AIMessage("", tool_calls=[call(), call("g", "c2")])
        results = [ToolMessage("ok", tool_call_id=key) for key in ("c1", "c2")]
        wire = to_wire([HumanMessage("hi"), ai, *results], DASHSCOPE)

        assert [c["index"] for c in wire[1]["tool_calls"]] == [0, 1]

    @pytest.mark.pain("P17")
    @pytest.mark.parametrize(
        ("args", "expected"),
        [
            pytest.param({"city": "Zürich"}, {"city": "Zürich"}, id="plain"),
            pytest.param({"n": 2**70}, {"n": 2**70}, id="beyond-64-bits"),
            pytest.param({"s": "\ud83d"}, {"s": "\ufffd"}, id="lone-surrogate"),
            pytest.param({"x": {1: "a"}}, {"x": {"1": "a"}}, id="number-as-key"),
            pytest.param({"x": {1}}, {"x": [1]}, id="set"),
        ],
    )
    def test_arguments_are_a_json_object_whatever_they_hold(self, args, expected):
        """Python objects of a history made by hand are said as well as JSON can."""
        ai = AIMessage("", tool_calls=[{"name": "f", "args": args, "id": "c1"}])
        function = to_wire(loop(ai=ai), PLAIN)[1]["tool_calls"][0]["function"]
        orjson.dumps(function)

        assert json.loads(function["arguments"]) == expected

    @pytest.mark.parametrize("beside", [{}, {"n": 2**70}], ids=["alone", "beyond-64-bits"])
    def test_an_argument_that_is_infinite_is_refused_by_name(self, beside):
        """Null would be another argument than the one that the caller wrote."""
        args = {**beside, "x": -math.inf}
        ai = AIMessage("", tool_calls=[{"name": "f", "args": args, "id": "c1"}])

        with pytest.raises(MessageError, match=r"`f`.*`x` is -inf"):
            to_wire(loop(ai=ai), PLAIN)

    @pytest.mark.pain("P17")
    def test_broken_arguments_are_replaced_and_the_id_kept(self):
        """One truncated call in the history would make every later request fail."""
        ai = AIMessage(
            "",
            invalid_tool_calls=[{"name": "f", "args": '{"city": "P', "id": "c1", "error": None}],
        )
        wire = to_wire(loop(ai=ai, tool="Error: cut"), DASHSCOPE)

        assert wire[1]["tool_calls"] == [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "f", "arguments": "{}"},
                "index": 0,
            }
        ]
        assert wire[2]["tool_call_id"] == "c1"

    @pytest.mark.pain("P17")
    def test_a_broken_call_that_nobody_answered_is_left_out(self):
        """An agent that stopped at it can be asked on."""
        ai = AIMessage(
            "so",
            tool_calls=[call()],
            invalid_tool_calls=[{"name": None, "args": "{", "id": None, "error": None}],
        )
        wire = to_wire([*loop(ai=ai), HumanMessage("hi")], PLAIN)
        alone = AIMessage("so", invalid_tool_calls=ai.invalid_tool_calls)
        without = to_wire([HumanMessage("hi"), alone, HumanMessage("hi")], PLAIN)

        assert [c["id"] for c in wire[1]["tool_calls"]] == ["c1"]
        assert without[1] == {"role": "assistant", "content": "so"}

    @pytest.mark.pain("P23")
    def test_missing_and_repeated_ids_are_paired_in_order(self):
        """Servers leave ids out or repeat them; each result goes to its own call."""
        ai = AIMessage(
            "", tool_calls=[call(call_id=None), call("g", ""), call("h", "x"), call("i", "x")]
        )
        results = [
            ToolMessage(text, tool_call_id=key)
            for text, key in [("1", ""), ("3", "x"), ("2", ""), ("4", "x")]
        ]
        wire = to_wire([HumanMessage("hi"), ai, *results], PLAIN)
        ids = [c["id"] for c in wire[1]["tool_calls"]]

        assert len(set(ids)) == 4
        assert ids[2] == "x"
        assert {m["tool_call_id"]: m["content"] for m in wire[2:]} == dict(
            zip(ids, "1234", strict=True)
        )

    @pytest.mark.parametrize(
        "block",
        [
            pytest.param({"type": "tool_use", "id": "c1", "name": "f", "input": {}}, id="tool_use"),
            pytest.param({"type": "tool_call", "id": "c1", "name": "f", "args": {}}, id="v1"),
        ],
    )
    def test_a_call_in_the_blocks_is_said_once(self, block):
        """Whether or not `tool_calls` repeats it."""
        both = AIMessage([block], tool_calls=[call()])
        blocks_only = AIMessage([block])

        assert to_wire(loop(ai=both), PLAIN) == to_wire(loop(), PLAIN)
        assert to_wire(loop(ai=blocks_only), PLAIN) == to_wire(loop(), PLAIN)

    @pytest.mark.parametrize(
        ("messages", "words"),
        [
            pytest.param([], ["no messages"], id="none"),
            pytest.param([SystemMessage("s")], ["HumanMessage"], id="system-only"),
            pytest.param(
                [HumanMessage("hi"), ToolMessage("ok", tool_call_id="c1")],
                ["'c1'", "no such call"],
                id="no-call",
            ),
            pytest.param(
                [*loop(), ToolMessage("ok", tool_call_id="c1")], ["'c1'"], id="answered-twice"
            ),
            pytest.param(
                [*loop(), HumanMessage("hi"), ToolMessage("ok", tool_call_id="c1")],
                ["'c1'"],
                id="a-turn-too-late",
            ),
            pytest.param(
                [*loop()[:2], HumanMessage("hi")], ["'c1' (f)", "ToolMessage"], id="unanswered"
            ),
            pytest.param(loop()[:2], ["'c1' (f)"], id="unanswered-at-the-end"),
            pytest.param(
                [HumanMessage("hi"), AIMessage("a")], ["HumanMessage", "partial"], id="p61"
            ),
            pytest.param(
                [HumanMessage("hi"), AIMessage("a"), SystemMessage("s")],
                ["HumanMessage"],
                id="p61-behind-a-system-message",
            ),
        ],
    )
    def test_a_strict_history_refuses_an_order_that_no_server_takes(self, messages, words):
        """Under `strict_history` the error names the message and the fix, before it is sent."""
        with pytest.raises(MessageError) as refused:
            to_wire(messages, PLAIN, names=strict(PLAIN))

        assert [word for word in words if word not in str(refused.value)] == []


class TestBegunAnswer:
    """An answer that was begun is only sent when it is marked as one."""

    MESSAGES = (HumanMessage("hi"), AIMessage("Once", additional_kwargs={"partial": True}))

    def test_it_is_marked_where_the_row_says(self):
        """`partial: true` on the last message."""
        assert to_wire(self.MESSAGES, DASHSCOPE)[-1] == {
            "role": "assistant",
            "content": "Once",
            "partial": True,
        }

    def test_it_goes_bare_where_that_is_the_way(self):
        """Some servers continue any trailing assistant message."""
        assert to_wire(self.MESSAGES, OPENROUTER)[-1] == {"role": "assistant", "content": "Once"}

    def test_an_earlier_mark_does_not_count(self):
        """Only the last message can be continued."""
        history = [*self.MESSAGES, HumanMessage("hi"), AIMessage("a")]
        with pytest.raises(MessageError, match="HumanMessage"):
            to_wire(history, DASHSCOPE, names=strict(DASHSCOPE))

    def test_it_is_refused_elsewhere(self):
        """By the gateway's name."""
        with pytest.raises(MessageError, match="vllm"):
            to_wire(self.MESSAGES, VLLM)


class TestPicturesOfAnswers:
    """Another model may have drawn them; servers take none from the assistant."""

    def test_a_picture_moves_to_the_next_user_message(self):
        """What is talked about must not go missing."""
        answer = AIMessage([{"type": "text", "text": "There."}, IMAGE])
        wire = to_wire([HumanMessage("Draw"), answer, HumanMessage("What is it?")], DASHSCOPE)

        assert wire[1:] == [
            {"role": "assistant", "content": "There."},
            {
                "role": "user",
                "content": [{"type": "text", "text": "From the assistant's answer:"}, SHOWN],
            },
            {"role": "user", "content": "What is it?"},
        ]

    def test_a_picture_beside_a_call_waits_for_the_results(self):
        """They stay right behind their calls."""
        wire = to_wire(loop(ai=AIMessage([IMAGE], tool_calls=[call()])), DASHSCOPE)

        assert [message["role"] for message in wire] == ["user", "assistant", "tool", "user"]

    def test_a_picture_at_the_end_is_no_question(self):
        """An answer cannot be answered, with or without one."""
        with pytest.raises(MessageError, match="add a HumanMessage"):
            to_wire([HumanMessage("Draw"), AIMessage([IMAGE])], DASHSCOPE, names=strict(DASHSCOPE))

    def test_a_begun_answer_holds_none(self):
        """It would end up behind what is to be continued."""
        begun = AIMessage(["So", IMAGE], additional_kwargs={"partial": True})
        with pytest.raises(MessageError, match="begun answer"):
            to_wire([HumanMessage("Draw"), begun], DASHSCOPE)


class TestResults:
    @pytest.mark.pain("P54")
    def test_text_blocks_become_a_string(self):
        """MCP adapters give lists; string-only servers refuse them."""
        blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]

        assert to_wire(loop(tool=blocks), DASHSCOPE)[2]["content"] == "a\nb"

    @pytest.mark.pain("P53")
    def test_an_image_moves_behind_all_results_of_the_turn(self):
        """Tool content must be a string; the picture follows from the user."""
        ai = AIMessage("", tool_calls=[call("shot"), call("g", "c2")])
        wire = to_wire(
            [
                HumanMessage("hi"),
                ai,
                ToolMessage([{"type": "text", "text": "done"}, IMAGE], tool_call_id="c1"),
                ToolMessage("ok", tool_call_id="c2"),
            ],
            VLLM,
        )

        assert wire[2:] == [
            {"role": "tool", "tool_call_id": "c1", "content": "done"},
            {"role": "tool", "tool_call_id": "c2", "content": "ok"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "From the result of `shot`:"},
                    SHOWN,
                ],
            },
        ]

    @pytest.mark.pain("P53")
    def test_a_result_that_is_only_an_image_still_says_something(self):
        """An empty tool result reads as a failure."""
        wire = to_wire(loop(tool=[{"type": "image", "url": "https://x/y.png"}]), VLLM)

        assert wire[2]["content"] == "The result is in the next user message."

    @pytest.mark.pain("P53")
    def test_an_image_in_anthropics_result_moves_too(self):
        """Their results stand in a user's message, the image in a `source`."""
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        result = {
            "type": "tool_result",
            "tool_use_id": "c1",
            "content": [{"type": "image", "source": source}],
        }
        question = {"type": "text", "text": "And?"}
        wire = to_wire([*loop()[:2], HumanMessage([result, question])], DASHSCOPE)

        assert wire[3:] == [
            {
                "role": "user",
                "content": [{"type": "text", "text": "From the result of `f`:"}, SHOWN],
            },
            {"role": "user", "content": "And?"},
        ]

    def test_a_text_document_stays_in_the_result(self):
        """Only what is not text has to move."""
        document = {"type": "file", "source_type": "text", "text": "b"}

        assert to_wire(loop(tool=["a", document]), VLLM)[2:] == [
            {"role": "tool", "tool_call_id": "c1", "content": "a\nb"}
        ]

    @pytest.mark.pain("P53")
    def test_a_moved_image_begins_no_turn(self):
        """Thoughts of the loop go on being sent."""
        ai = AIMessage("", tool_calls=[call()], additional_kwargs={"reasoning_content": "hm"})
        image = [{"type": "image", "url": "https://x/y.png"}]
        again = AIMessage("", tool_calls=[call(call_id="c2")])
        wire = to_wire(
            [*loop(ai=ai, tool=image), again, ToolMessage("ok", tool_call_id="c2")], DASHSCOPE
        )

        assert [m["role"] for m in wire] == [
            "user",
            "assistant",
            "tool",
            "user",
            "assistant",
            "tool",
        ]
        assert wire[1]["reasoning_content"] == "hm"

    def test_the_artifact_stays_at_home(self):
        """It is for the program, not for the model."""
        tool = ToolMessage("ok", tool_call_id="c1", artifact={"secret": 1})

        assert to_wire([*loop()[:2], tool], PLAIN)[2] == {
            "role": "tool",
            "tool_call_id": "c1",
            "content": "ok",
        }

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            pytest.param("no such file", "Error: no such file", id="said"),
            pytest.param("ValueError: x", "ValueError: x", id="already-in-words"),
        ],
    )
    def test_a_failed_result_says_so_in_words(self, content, expected):
        """The wire has no field for `status`."""
        tool = ToolMessage(content, tool_call_id="c1", status="error")

        assert to_wire([*loop()[:2], tool], PLAIN)[2]["content"] == expected

    def test_a_marked_result_keeps_its_part(self):
        """A long result may be cached."""
        part = {"type": "text", "text": "long", "cache_control": MARK}

        assert to_wire(loop(tool=[part]), DASHSCOPE)[2]["content"] == [part]
        assert to_wire(loop(tool=[part]), VLLM)[2]["content"] == "long"

    def test_a_result_of_numbers_is_refused(self):
        """Blocks are texts or dicts; a program's value must be said as text."""
        result = HumanMessage([{"type": "tool_result", "tool_use_id": "c1", "content": [3]}])
        with pytest.raises(MessageError, match="not 3"):
            to_wire([*loop()[:2], result], PLAIN)

    def test_anthropic_results_in_a_user_message_become_tool_messages(self):
        """The rest of the message stays the user's."""
        result = {
            "type": "tool_result",
            "tool_use_id": "c1",
            "content": [{"type": "text", "text": "green"}],
            "is_error": True,
        }
        mixed = HumanMessage([result, {"type": "text", "text": "and?"}])
        wire = to_wire([*loop()[:2], mixed], PLAIN)

        assert wire[2:] == [
            {"role": "tool", "tool_call_id": "c1", "content": "Error: green"},
            {"role": "user", "content": "and?"},
        ]


class TestThoughts:
    """The thoughts of a tool loop go back, or Qwen loops with empty arguments."""

    THINKING = AIMessage("", tool_calls=[call()], additional_kwargs={"reasoning_content": "hm"})
    OLD = AIMessage("old", additional_kwargs={"reasoning_content": "old thought"})

    @staticmethod
    def history():
        """Return an old turn, and a tool loop that goes on."""
        return [HumanMessage("before"), TestThoughts.OLD, *loop(ai=TestThoughts.THINKING)]

    @pytest.mark.pain("P02")
    @pytest.mark.parametrize(
        ("replay", "expected"),
        [
            pytest.param("tool_loop", [None, "hm"], id="tool-loop"),
            pytest.param("all", ["old thought", "hm"], id="all"),
            pytest.param("never", [None, None], id="never"),
        ],
    )
    def test_the_policy_says_which_go_back(self, replay, expected):
        """Since the last user message, all, or none."""
        wire = to_wire(self.history(), DASHSCOPE, replay=replay)

        assert [m.get("reasoning_content") for m in wire if m["role"] == "assistant"] == expected

    @pytest.mark.pain("P13")
    @pytest.mark.parametrize(
        ("gateway", "field"),
        [
            pytest.param(DASHSCOPE, "reasoning_content", id="dashscope"),
            pytest.param(VLLM, "reasoning", id="vllm"),
            pytest.param(OPENROUTER, "reasoning", id="openrouter"),
        ],
    )
    def test_they_go_back_under_the_server_s_name(self, gateway, field):
        """Servers read one name or the other."""
        assert to_wire(self.history(), gateway)[3][field] == "hm"

    @pytest.mark.parametrize(
        "message",
        [
            pytest.param(THINKING, id="additional-kwargs"),
            pytest.param(
                AIMessage(
                    [{"type": "reasoning", "reasoning": "hm", "index": "lc_rs_0", "extras": {}}],
                    tool_calls=[call()],
                ),
                id="v1-block",
            ),
            pytest.param(
                AIMessage(
                    [{"type": "reasoning", "reasoning": "hm"}],
                    tool_calls=[call()],
                    additional_kwargs={"reasoning_content": "hm"},
                ),
                id="both-say-it-once",
            ),
            pytest.param(
                AIMessage(
                    [
                        {"type": "thinking", "thinking": "hm", "signature": "s"},
                        {"type": "redacted_thinking", "data": "x"},
                    ],
                    tool_calls=[call()],
                ),
                id="anthropic-without-its-signature",
            ),
            pytest.param(
                AIMessage(
                    "",
                    tool_calls=[call()],
                    additional_kwargs={
                        "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]
                    },
                ),
                id="details-of-another-gateway",
            ),
        ],
    )
    def test_they_are_taken_from_one_place(self, message):
        """v3 messages carry them twice; blocks never land in the text."""
        wire = to_wire(loop(ai=message), DASHSCOPE)[1]

        assert (wire["reasoning_content"], wire["content"]) == ("hm", "")

    @pytest.mark.pain("P26")
    def test_details_go_back_unmodified_and_alone(self):
        """All item types, in order; the plain text would say them twice."""
        details = [
            {"type": "reasoning.text", "text": "a", "format": "unknown", "index": 0},
            {"type": "reasoning.encrypted", "data": "x", "id": "rs_1", "index": 1},
        ]
        ai = AIMessage(
            "",
            tool_calls=[call()],
            additional_kwargs={"reasoning_content": "a", "reasoning_details": deepcopy(details)},
        )
        wire = to_wire(loop(ai=ai), OPENROUTER)[1]

        assert wire["reasoning_details"] == details
        assert "reasoning" not in wire

    @pytest.mark.pain("P60")
    def test_another_provider_s_thoughts_go_only_when_asked(self):
        """A Qwen model need not be told what another one thought."""
        ai = self.THINKING.model_copy(update={"response_metadata": {"model_provider": "other"}})

        assert "reasoning_content" not in to_wire(loop(ai=ai), DASHSCOPE)[1]
        assert (
            to_wire(loop(ai=ai), DASHSCOPE, foreign_thoughts=True)[1]["reasoning_content"] == "hm"
        )

    def test_our_own_thoughts_need_no_asking(self):
        """Every message of ours is signed with the one provider name."""
        ai = self.THINKING.model_copy(update={"response_metadata": {"model_provider": "qwen36"}})

        assert to_wire(loop(ai=ai), DASHSCOPE)[1]["reasoning_content"] == "hm"

    def test_a_user_message_of_results_only_begins_no_turn(self):
        """Anthropic's shape of a tool loop is still one turn."""
        result = HumanMessage([{"type": "tool_result", "tool_use_id": "c1", "content": "ok"}])

        assert (
            to_wire([*loop(ai=self.THINKING)[:2], result], DASHSCOPE)[1]["reasoning_content"]
            == "hm"
        )


@pytest.mark.pain("P64")
def test_a_marked_answer_keeps_its_part_where_marks_are_read():
    """History is cached up to a mark; elsewhere the text is enough."""
    part = {"type": "text", "text": "a", "cache_control": MARK}
    messages = [HumanMessage("hi"), AIMessage([part]), HumanMessage("hi")]

    assert to_wire(messages, DASHSCOPE)[1]["content"] == [part]
    assert to_wire(messages, VLLM)[1]["content"] == "a"


@pytest.mark.pain("P60")
def test_blocks_of_other_vendors_leave_the_assistant_s_message():
    """Text stays, joined as `.text` joins it; what only its maker can read goes."""
    ai = AIMessage(
        [
            {"type": "reasoning", "summary": [], "id": "rs_1", "encrypted_content": "x"},
            {"type": "text", "text": "It is ", "id": "msg_1", "annotations": []},
            {"type": "server_tool_call", "id": "s", "name": "web_search", "args": {}},
            {"type": "non_standard", "value": {"type": "x"}},
            {"type": "text", "text": "sunny."},
        ]
    )

    assert to_wire([HumanMessage("hi"), ai, HumanMessage("hi")], DASHSCOPE)[1] == {
        "role": "assistant",
        "content": "It is sunny.",
    }
