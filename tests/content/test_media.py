"""Files and bytes become content blocks, or an error before there is a request."""

from __future__ import annotations

import base64
import io
import os
from typing import TYPE_CHECKING, Any

import pytest
from files import GIF, JPEG, MP4, PDF, PNG, WAV, mp4, packed, png
from langchain.agents import create_agent
from langchain.agents.middleware import wrap_model_call
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.content import is_data_content_block

from langchain_qwen36 import ChatQwen36
from langchain_qwen36.errors import MessageError
from langchain_qwen36.media import audio_block, file_block, image_block, video_block
from langchain_qwen36.middleware import TierGuardMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

    Server = Callable[..., LoopbackGateway]

WEBM_SOUND = b"\x1a\x45\xdf\xa3" + bytes(9)


def model_on(server: LoopbackGateway, **settings: Any) -> ChatQwen36:
    """Return a model at this gateway."""
    where = {"gateway": server.row.name, "base_url": server.base_url, "api_key": server.key}
    return ChatQwen36(**{"model": "qwen3.6-plus", "enable_thinking": False, **where, **settings})


class TestBlocks:
    @pytest.mark.parametrize(
        ("make", "data", "expected"),
        [
            pytest.param(image_block, PNG, ("image", "image/png"), id="png"),
            pytest.param(image_block, GIF, ("image", "image/gif"), id="gif"),
            pytest.param(image_block, bytearray(JPEG), ("image", "image/jpeg"), id="bytearray"),
            pytest.param(video_block, MP4, ("video", "video/mp4"), id="mp4"),
            pytest.param(audio_block, WAV, ("audio", "audio/wav"), id="wav"),
            pytest.param(audio_block, WEBM_SOUND, ("audio", "audio/webm"), id="webm-of-sound"),
            pytest.param(file_block, PDF, ("file", "application/pdf"), id="pdf"),
        ],
    )
    def test_bytes_become_a_standard_block(self, make, data, expected):
        """LangChain knows it for one; the type is read from the bytes."""
        block = make(data)
        assert (block["type"], block["mime_type"]) == expected
        assert base64.b64decode(block["base64"]) == data
        assert is_data_content_block(block)

    def test_a_file_is_what_its_bytes_say(self, tmp_path):
        """Its name may say another thing; a path is a text or a `Path`."""
        path = tmp_path / "photo.jpeg"
        path.write_bytes(PNG)
        assert image_block(path) == image_block(str(path)) == image_block(PNG)

    def test_a_path_may_begin_at_home(self, tmp_path, monkeypatch):
        """As on the command line."""
        (tmp_path / "a.png").write_bytes(PNG)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert image_block("~/a.png") == image_block(PNG)

    @pytest.mark.parametrize(
        "make", [image_block, video_block, audio_block, file_block], ids=lambda make: make.__name__
    )
    @pytest.mark.parametrize("url", ["https://x/y", "data:image/png;base64,AAAA"])
    def test_a_url_goes_as_it_is(self, make, url):
        """The gateway fetches it; nothing is read here."""
        kind = make.__name__.removesuffix("_block")
        assert make(url) == {"type": kind, "url": url}
        assert make(url, mime_type="a/b") == {"type": kind, "url": url, "mime_type": "a/b"}

    def test_settings_are_extras(self):
        """What LangChain's block has no key for; what is not set is not there."""
        image = image_block(PNG, min_pixels=70_000, max_pixels=90_000, detail="high")
        video = video_block("https://x/y.mp4", fps=1, total_pixels=1_024_000)
        assert image["extras"] == {"min_pixels": 70_000, "max_pixels": 90_000, "detail": "high"}
        assert video["extras"] == {"fps": 1, "total_pixels": 1_024_000}
        assert "extras" not in image_block(PNG)

    def test_frames_of_every_kind_are_one_video(self, tmp_path):
        """Paths, bytes and URLs, in their order."""
        path = tmp_path / "1.png"
        path.write_bytes(PNG)
        png_url = f"data:image/png;base64,{packed(PNG)}"
        assert video_block([path, JPEG, "https://x/3.png", str(path)], fps=2) == {
            "type": "video",
            "video": [
                png_url,
                f"data:image/jpeg;base64,{packed(JPEG)}",
                "https://x/3.png",
                png_url,
            ],
            "extras": {"fps": 2},
        }

    def test_a_type_can_be_named(self):
        """For a format that is newer than we are."""
        block = {"type": "image", "base64": packed(b"new"), "mime_type": "image/jxl"}
        assert image_block(b"new", mime_type="image/jxl") == block

    def test_a_text_is_text(self, tmp_path):
        """Every model reads it, whether the gateway takes documents or not."""
        path = tmp_path / "notes.txt"
        path.write_text("Größe: 3", "utf-8")
        text = {"type": "text-plain", "text": "Größe: 3", "mime_type": "text/plain"}
        assert file_block(path) == text | {"title": "notes.txt"}
        assert file_block("Größe: 3".encode(), mime_type="text/markdown") == text

    def test_a_text_that_is_not_utf_8_is_a_document(self):
        """Its bytes go out as they are: guessing the encoding would change them."""
        notes = "Größe: 3".encode("latin-1")
        block = {"type": "file", "base64": packed(notes), "mime_type": "text/plain"}
        assert file_block(notes, mime_type="text/plain") == block

    def test_a_document_keeps_its_name(self, tmp_path):
        """Gateways that parse documents ask for one."""
        path = tmp_path / "a.docx"
        path.write_bytes(b"PK\x03\x04")
        word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        block = {"type": "file", "base64": packed(b"PK\x03\x04")}
        assert file_block(path, mime_type=word, filename="b.docx") == {
            **block,
            "mime_type": word,
            "extras": {"filename": "b.docx"},
        }
        assert file_block(path, mime_type=word)["extras"] == {"filename": "a.docx"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("make", "source", "words"),
        [
            pytest.param(image_block, "no/such.png", ["'no/such.png'", "No such file"], id="gone"),
            pytest.param(image_block, "/", ["'/'", "directory"], id="directory"),
            pytest.param(image_block, "/dev/zero", ["'/dev/zero'", "device"], id="endless"),
            pytest.param(image_block, "a\0b", ["cannot be read", "null"], id="null-byte"),
            pytest.param(image_block, "x" * 9_999, ["cannot be read", "too long"], id="long-name"),
            pytest.param(image_block, "~nobody-here/a", ["cannot be read"], id="no-home"),
            pytest.param(image_block, b"", ["empty"], id="no-bytes"),
            pytest.param(image_block, b"hello", ["b'hello'", "format of image"], id="unknown"),
            pytest.param(image_block, MP4, ["video/mp4", "`video_block`"], id="film-as-image"),
            pytest.param(image_block, PDF, ["application/pdf", "`file_block`"], id="pdf-as-image"),
            pytest.param(video_block, PNG, ["image/png", "`image_block`"], id="image-as-film"),
            pytest.param(video_block, [], ["no frames"], id="no-frames"),
            pytest.param(video_block, [PNG, MP4], ["video/mp4", "image"], id="film-as-frame"),
            pytest.param(audio_block, PNG, ["image/png", "`image_block`"], id="image-as-sound"),
            pytest.param(file_block, b"\0\1", ["unknown type", "`mime_type`"], id="document"),
            pytest.param(image_block, None, ["path, URL or bytes", "NoneType"], id="none"),
            pytest.param(video_block, 7, ["path, URL or bytes", "int"], id="number"),
            pytest.param(image_block, [PNG], ["path, URL or bytes", "list"], id="list"),
        ],
    )
    def test_what_cannot_be_packed_is_named(self, make, source, words):
        """Which file, why, and what to do."""
        with pytest.raises(MessageError) as refused:
            make(source)
        assert [word for word in words if word not in str(refused.value)] == []

    def test_an_empty_file_is_named(self, tmp_path):
        """A download that failed leaves one."""
        path = tmp_path / "empty.png"
        path.touch()
        with pytest.raises(MessageError, match=r"empty\.png.*is empty"):
            image_block(path)

    def test_a_file_that_cannot_be_read_is_named(self, tmp_path):
        """The reason is the system's."""
        (tmp_path / "a.png").write_bytes(PNG)
        with pytest.raises(MessageError, match=r"b\.png.*Not a directory") as refused:
            image_block(tmp_path / "a.png" / "b.png")
        assert isinstance(refused.value.__cause__, OSError)

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        """Nobody may ever write to it."""
        os.mkfifo(path := tmp_path / "pipe")
        with pytest.raises(MessageError, match="not a file"):
            image_block(path)


TYPED = {"type": "image", "mime_type": "image/png"}
FILM = {"type": "video", "mime_type": "video/mp4"}
BAD = [
    pytest.param(TYPED | {"base64": "A" * (40 * 2**20)}, "40.0 MB", {}, id="40-mb"),
    pytest.param(FILM | {"base64": "A" * (21 * 2**20)}, "21.0 MB", {}, id="film-21-mb"),
    pytest.param(
        {"type": "video", "url": "https://x/y.mp4"},
        "qwen3.6-max-preview takes text, not video",
        {"model": "qwen3.6-max-preview"},
        id="no-eyes",
    ),
    pytest.param(TYPED | {"base64": "A" * 64}, "is not one", {}, id="no-image"),
    pytest.param(TYPED | {"base64": packed(PNG)[:-1]}, "is none", {}, id="cut"),
    pytest.param({"type": "image", "url": "/tmp/a.png"}, "'/tmp/a.png'", {}, id="path"),  # noqa: S108
    pytest.param(video_block("https://x/y", fps=50), "fps=50", {}, id="fps"),
    pytest.param(
        image_block(PNG, min_pixels=9_000, max_pixels=8_000), "is above", {}, id="min-above-max"
    ),
]


class TestBeforeSending:
    @pytest.mark.parametrize(("block", "words", "settings"), BAD)
    def test_nothing_is_sent(self, gateway_server: Server, block, words, settings):
        """The error is there before there is a request."""
        server = gateway_server("dashscope")
        model = model_on(server, **settings)
        with pytest.raises(MessageError, match=words):
            model.invoke([HumanMessage(["What is it?", block])])
        with pytest.raises(MessageError, match=words):
            list(model.stream([HumanMessage(["What is it?", block])]))
        assert server.requests == []

    @pytest.mark.parametrize(
        "asked",
        [
            pytest.param(lambda model: model.bind(force=True), id="bound"),
            pytest.param(lambda model: model.model_copy(update={"force": True}), id="field"),
        ],
    )
    def test_a_model_can_be_made_to_look(self, gateway_server: Server, asked):
        """`force=True` sends it, and the gateway has the last word."""
        server = gateway_server("dashscope")
        model = asked(model_on(server, model="qwen3.6-max-preview"))
        with pytest.raises(ValueError, match="Unexpected item type in content"):
            model.invoke([HumanMessage(["What is it?", image_block(PNG)])])
        assert server.bodies[0]["messages"][0]["content"][1]["type"] == "image_url"

    def test_a_call_can_be_forced_by_itself(self, gateway_server: Server):
        """And the next one is checked again."""
        server = gateway_server("dashscope")
        model = model_on(server, model="qwen3.6-max-preview")
        question = [HumanMessage(["What is it?", image_block(PNG)])]
        with pytest.raises(ValueError, match="Unexpected item"):
            model.invoke(question, force=True)
        with pytest.raises(MessageError, match="`force=True`"):
            model.invoke(question)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        ("gateway", "name"),
        [
            ("dashscope", "qwen3.6-plus"),
            ("openrouter", "qwen3.6-plus"),
            ("vllm", "Qwen/Qwen3.6-27B"),
        ],
    )
    def test_a_file_is_seen(self, gateway_server: Server, gateway, name):
        """The whole way, as every gateway takes it."""
        server = gateway_server(gateway)
        model = model_on(server, model=name)
        answer = model.invoke([HumanMessage(["What is it?", image_block(PNG)])])
        assert "I see 1 image." in answer.text
        [part] = server.bodies[0]["messages"][0]["content"][1:]
        assert part["image_url"]["url"] == f"data:image/png;base64,{packed(PNG)}"

    def test_frames_keep_their_settings(self, gateway_server: Server):
        """Beside the list, where the server reads them."""
        server = gateway_server("dashscope")
        model_on(server).invoke([HumanMessage(["What?", video_block([PNG] * 4, fps=2)])])
        part = server.bodies[0]["messages"][0]["content"][1]
        frames = [f"data:image/png;base64,{packed(PNG)}"] * 4
        assert part == {"type": "video", "video": frames, "fps": 2}


BIG = image_block(png(4096, 4096))
"""2,500 tokens by default, 16,384 at high resolution."""


class TestTokens:
    def test_an_estimate_counts_what_is_shown(self):
        """By the formula, and it says which sizes it could not read."""
        model = ChatQwen36(model="qwen3.6-plus", gateway="dashscope", api_key="sk-none")
        said = model.estimate_cost([HumanMessage(["Look."])])
        seen = model.estimate_cost([HumanMessage(["Look.", BIG])])
        guessed = model.estimate_cost([HumanMessage(["Look.", image_block("https://x/y")])])
        assert seen.input_tokens - said.input_tokens == 50 * 50 + 2
        assert guessed.input_tokens - said.input_tokens == 2_560 + 2
        assert [each.guessed_media for each in (said, seen, guessed)] == [0, 0, 1]

    @pytest.mark.parametrize(
        "settings",
        [
            pytest.param({"vl_high_resolution_images": True}, id="setting"),
            pytest.param({"extra_body": {"vl_high_resolution_images": True}}, id="body"),
            pytest.param({"model_kwargs": {"vl_high_resolution_images": True}}, id="kwargs"),
        ],
    )
    def test_high_resolution_costs_more(self, settings):
        """Up to 16,777,216 pixels of an image."""
        model = ChatQwen36(model="qwen3.6-plus", gateway="dashscope", api_key="sk-none", **settings)
        counted = model.get_num_tokens_from_messages([HumanMessage([BIG])])
        assert counted > 128 * 128

    def test_ones_own_server_scales_less(self):
        """The processor of the open weights takes four times as many pixels as the vendor's."""
        model = ChatQwen36(model="qwen3.6-27b", gateway="vllm", base_url="http://127.0.0.1:1/v1")
        assert model.get_num_tokens_from_messages([HumanMessage([BIG])]) > 128 * 128

    def test_a_guess_teaches_nothing(self):
        """An image that turned out small must not shrink what texts count."""
        model = ChatQwen36(model="qwen3.5-flash", gateway="dashscope", api_key="sk-none")
        usage = {"input_tokens": 300, "output_tokens": 1, "total_tokens": 301}
        answer = AIMessage(
            "A dot.", usage_metadata=usage, response_metadata={"requested_model": "qwen3.5-flash"}
        )
        text = [HumanMessage("word " * 1_000)]
        before = model.get_num_tokens_from_messages(text)
        shown = HumanMessage(["?", image_block("https://x/y")])
        model.get_num_tokens_from_messages([shown, answer, HumanMessage("And?")])
        assert model.get_num_tokens_from_messages(text) == before

    @pytest.mark.parametrize(
        "blocks",
        [
            pytest.param([image_block(png(2048, 1280))] * 52, id="images"),
            pytest.param([video_block(mp4(120, 1280, 720), fps=10)], id="video"),
            pytest.param([image_block("https://x/y")] * 51, id="images-of-unknown-size"),
        ],
    )
    def test_a_tier_guard_sees_images_and_videos(self, gateway_server: Server, blocks):
        """128,000 tokens are crossed by what is shown, not by what is said."""
        server = gateway_server("dashscope")
        model = model_on(server, model="qwen3.5-flash")
        agent = create_agent(model, middleware=[TierGuardMiddleware("refuse")])
        messages = [HumanMessage(["What is this?", *blocks])]
        answer = agent.invoke({"messages": messages})["messages"][-1]
        assert answer.response_metadata["tier_guard"]["bound"] == 128_000
        assert server.requests == []
        small = [HumanMessage(["What is this?", *blocks[:1]])] if len(blocks) > 1 else []
        said = agent.invoke({"messages": small or [HumanMessage("Hi")]})["messages"][-1]
        assert "tier_guard" not in said.response_metadata

    def test_a_tier_guard_sees_the_resolution_of_a_call(self, gateway_server: Server):
        """A setting of the agent's call counts like one of the model."""
        server = gateway_server("dashscope")

        @wrap_model_call
        def in_full(request, handler):
            return handler(request.override(model_settings={"vl_high_resolution_images": True}))

        guards = [in_full, TierGuardMiddleware("refuse")]
        agent = create_agent(model_on(server, model="qwen3.5-flash"), middleware=guards)
        answer = agent.invoke({"messages": [HumanMessage(["?", *[BIG] * 8])]})["messages"][-1]
        assert answer.response_metadata["tier_guard"]["bound"] == 128_000


class Picture:
    """A PIL image, by the two methods that are called of it."""

    def getbands(self):
        """Name the bands."""
        return ("R",)

    def save(self, fp, format=None):  # noqa: A002  # PIL's name
        """Write a PNG."""
        assert format == "PNG"
        fp.write(PNG)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(Picture(), id="PIL-image"),
        pytest.param(io.BytesIO(PNG), id="BytesIO"),
        pytest.param(io.BufferedReader(io.BytesIO(PNG)), id="open-file"),
        pytest.param(bytearray(PNG), id="bytearray"),
    ],
)
def test_a_picture_in_memory_becomes_a_block(source):
    """An open file and a PIL image need not be written to the disk first."""
    block = image_block(source)
    assert base64.b64decode(block["base64"]) == PNG
    assert block["mime_type"] == "image/png"


@pytest.mark.parametrize("source", [io.StringIO("a text"), 5, [1, 2]], ids=["text", "int", "list"])
def test_what_holds_no_bytes_is_refused_with_a_way_out(source):
    """The error names `BytesIO` and `getvalue`."""
    with pytest.raises(MessageError, match=r"BytesIO.*getvalue"):
        image_block(source)
