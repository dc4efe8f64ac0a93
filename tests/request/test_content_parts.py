from __future__ import annotations

from dataclasses import replace

import pytest
from files import GIF, JPEG, MP4, PDF, WAV, bmp, packed, png
from langchain_core.messages import AIMessage, HumanMessage

from langchain_qwen36._request.build import build
from langchain_qwen36._request.messages import to_wire
from langchain_qwen36._request.types import Settings
from langchain_qwen36.catalog import find_model
from langchain_qwen36.errors import MessageError
from langchain_qwen36.gateways import GATEWAYS, Gateway

PLAIN = Gateway(name="plain")
DASHSCOPE = GATEWAYS["dashscope"]
OPENROUTER = GATEWAYS["openrouter"]
VLLM = GATEWAYS["vllm"]
PNG = packed(png(64, 48))
USER = {"role": "user", "content": "hi"}
MARK = {"type": "ephemeral"}
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
PNG_HEAD = png(64, 48)[:20]
URL = {"type": "image", "url": "https://x/y"}
LOOP = {"type": "non_standard"}
LOOP["value"] = LOOP
FILM = f"data:video/mp4;base64,{packed(MP4)}"


def user_part(block, gateway=DASHSCOPE, **kwargs):
    """How one block beside a text goes out."""
    [message] = to_wire([HumanMessage([{"type": "text", "text": "?"}, block])], gateway, **kwargs)
    return message["content"][1]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param({"type": "image", "base64": PNG, "mime_type": "image/png"}, id="v1"),
        pytest.param({"type": "image", "base64": PNG}, id="v1-sniffed"),
        pytest.param(
            {
                "type": "image",
                "source_type": "base64",
                "data": PNG,
                "mime_type": "image/png",
            },
            id="v0",
        ),
        pytest.param(
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": PNG},
            },
            id="anthropic",
        ),
        pytest.param(IMAGE, id="openai"),
        pytest.param(
            {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}", "index": 1},
            id="openai-short",
        ),
        pytest.param(
            {"type": "image", "base64": f"data:image/png;base64,{PNG}"}, id="already-a-url"
        ),
        pytest.param({"type": "image", "url": f"data:image/png;base64,{PNG}"}, id="as-its-url"),
        pytest.param({"type": "non_standard", "value": IMAGE}, id="wrapped"),
        pytest.param(
            {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
            id="openai-responses",
        ),
        pytest.param({"type": "media", "mime_type": "image/png", "data": PNG}, id="google"),
        pytest.param(
            {"type": "media", "mime_type": "image/png", "data": png(64, 48)}, id="google-bytes"
        ),
        pytest.param({"type": "image_url", "image_url": PNG}, id="chat-ollama"),
        pytest.param({"type": "image_url", "image_url": {"url": PNG}}, id="bare-base64"),
        pytest.param({"image": f"data:image/png;base64,{PNG}"}, id="chat-tongyi"),
        pytest.param({"type": "image", "image": IMAGE["image_url"]["url"]}, id="qwen-vl-utils"),
        pytest.param(
            {"type": "image", "base64": PNG, "mime_type": "image/jpeg"}, id="of-the-wrong-type"
        ),
        pytest.param(
            {"type": "image", "base64": f"{PNG[:40]}\n{PNG[40:]}\n"}, id="with-line-breaks"
        ),
    ],
)
def test_an_image_has_one_shape_on_the_wire(block):
    """Whoever's shape it came in; the type is the one that the bytes show."""
    assert user_part(block) == IMAGE


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param(
            {"type": "input_text", "text": "hi"}, {"type": "text", "text": "hi"}, id="text"
        ),
        pytest.param(
            {"type": "input_file", "filename": "a.pdf", "file_data": packed(PDF)},
            {
                "type": "file",
                "file": {
                    "filename": "a.pdf",
                    "file_data": f"data:application/pdf;base64,{packed(PDF)}",
                },
            },
            id="file",
        ),
        pytest.param(
            {"type": "input_file", "file_url": "https://x/y.pdf"},
            {"type": "file", "file": {"filename": "document", "file_data": "https://x/y.pdf"}},
            id="file-by-its-url",
        ),
        pytest.param(
            {"type": "media", "mime_type": "application/pdf", "file_uri": "https://x/y.pdf"},
            {"type": "file", "file": {"filename": "document", "file_data": "https://x/y.pdf"}},
            id="google-file",
        ),
    ],
)
def test_blocks_of_responses_and_of_google_are_read(block, expected):
    """A conversation that began with ChatOpenAI's Responses or with Gemini goes on here."""
    assert user_part(block, OPENROUTER) == expected


def test_pixel_bounds_stand_beside_the_image():
    """Siblings of `image_url`, from the block or its extras."""
    block = {
        "type": "image",
        "url": "https://x/y.png",
        "max_pixels": 90_000,
        "extras": {"min_pixels": 70_000, "detail": "high", "cache_control": MARK},
    }

    assert user_part(block) == {
        "type": "image_url",
        "image_url": {"url": "https://x/y.png", "detail": "high"},
        "min_pixels": 70_000,
        "max_pixels": 90_000,
        "cache_control": MARK,
    }


@pytest.mark.pain("P55")
@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param(
            {"type": "video", "url": "https://x/y.mp4", "extras": {"fps": 2.0}},
            {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}, "fps": 2.0},
            id="url",
        ),
        pytest.param(
            {"type": "video", "base64": packed(MP4), "mime_type": "video/webm"},
            {"type": "video_url", "video_url": {"url": FILM}},
            id="base64",
        ),
        pytest.param(
            {"type": "video", "base64": "AAAA", "mime_type": "video/mp2t"},
            {"type": "video_url", "video_url": {"url": "data:video/mp2t;base64,AAAA"}},
            id="a-type-without-a-mark-is-believed",
        ),
        pytest.param(
            {"type": "video", "video": ["https://x/1.jpg"] * 4, "fps": 1, "id": "lc_1"},
            {"type": "video", "video": ["https://x/1.jpg"] * 4, "fps": 1},
            id="frames",
        ),
        pytest.param(
            {"video": ["https://x/1.jpg"] * 4, "fps": 1},
            {"type": "video", "video": ["https://x/1.jpg"] * 4, "fps": 1},
            id="frames-of-chat-tongyi",
        ),
        pytest.param(
            {"type": "video", "video": [f"data:image/jpeg;base64,{PNG}"] * 4},
            {"type": "video", "video": [IMAGE["image_url"]["url"]] * 4},
            id="frames-of-base64",
        ),
        pytest.param(
            {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}, "max_pixels": 65_536},
            {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}, "max_pixels": 65_536},
            id="wire-form",
        ),
        pytest.param(
            {"type": "video", "video": "https://x/y.mp4", "fps": 10, "total_pixels": 1_024_000},
            {
                "type": "video_url",
                "video_url": {"url": "https://x/y.mp4"},
                "total_pixels": 1_024_000,
                "fps": 10,
            },
            id="chat-tongyi",
        ),
        pytest.param(
            {"type": "video", "url": "oss://bucket/y.mp4"},
            {"type": "video_url", "video_url": {"url": "oss://bucket/y.mp4"}},
            id="another-scheme",
        ),
    ],
)
def test_a_video_is_a_video_url_or_its_frames(block, expected):
    """All peers raise on LangChain's video block."""
    assert user_part(block) == expected


@pytest.mark.parametrize(
    ("gateway", "block", "expected"),
    [
        pytest.param(
            DASHSCOPE,
            {"type": "audio", "base64": "AAAA", "mime_type": "audio/mpeg"},
            {"data": "data:;base64,AAAA", "format": "mp3"},
            id="data-url",
        ),
        pytest.param(
            DASHSCOPE,
            {"type": "audio", "url": "https://x/y.wav", "mime_type": "audio/x-wav"},
            {"data": "https://x/y.wav", "format": "wav"},
            id="url",
        ),
        pytest.param(
            DASHSCOPE,
            {"type": "audio", "url": "https://x/y.MP3?token=1"},
            {"data": "https://x/y.MP3?token=1", "format": "mp3"},
            id="url-that-names-the-format",
        ),
        pytest.param(
            DASHSCOPE,
            {"audio": "https://x/y"},
            {"data": "https://x/y", "format": "wav"},
            id="chat-tongyi",
        ),
        pytest.param(
            DASHSCOPE,
            {"type": "input_audio", "input_audio": {"data": "https://x/y", "format": "mp3"}},
            {"data": "https://x/y", "format": "mp3"},
            id="url-in-the-wires-form",
        ),
        pytest.param(
            PLAIN,
            {"type": "audio", "base64": packed(WAV)},
            {"data": packed(WAV), "format": "wav"},
            id="sniffed",
        ),
        pytest.param(
            PLAIN,
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"data": "AAAA", "format": "wav"},
            id="openai-form",
        ),
        pytest.param(
            PLAIN,
            {"type": "audio", "base64": "data:audio/wav;base64,AAAA"},
            {"data": "AAAA", "format": "wav"},
            id="base64-only",
        ),
    ],
)
def test_audio_goes_as_the_row_takes_it(gateway, block, expected):
    """A data URL at one, bare base64 at the others."""
    assert user_part(block, gateway) == {"type": "input_audio", "input_audio": expected}


@pytest.mark.parametrize(
    ("gateway", "block", "expected"),
    [
        pytest.param(
            OPENROUTER,
            {"type": "file", "base64": "AAAA", "mime_type": "application/pdf"},
            {"filename": "document", "file_data": "data:application/pdf;base64,AAAA"},
            id="v1",
        ),
        pytest.param(
            OPENROUTER,
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "https://x/a.pdf"}},
            {"filename": "a.pdf", "file_data": "https://x/a.pdf"},
            id="openai",
        ),
        pytest.param(
            OPENROUTER, {"type": "file", "file_id": "f1"}, {"file_id": "f1"}, id="uploaded"
        ),
        pytest.param(
            GATEWAYS["vercel"],
            {"type": "file", "file": {"file_data": f"data:;base64,{packed(PDF)}"}},
            {"data": packed(PDF), "media_type": "application/pdf", "filename": "document"},
            id="openai-to-the-other-shape",
        ),
        pytest.param(
            GATEWAYS["vercel"],
            {"type": "document", "source": {"type": "base64", "data": "AAAA"}},
            {"data": "AAAA", "media_type": "application/pdf", "filename": "document"},
            id="anthropic-to-the-other-shape",
        ),
    ],
)
def test_a_document_goes_as_the_row_takes_it(gateway, block, expected):
    """Gateways that parse documents each have their own part."""
    assert user_part(block, gateway) == {"type": "file", "file": expected}


@pytest.mark.parametrize(
    "block",
    [
        pytest.param({"type": "text-plain", "text": "B", "title": "A"}, id="v1"),
        pytest.param(
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "A\nB"},
            },
            id="anthropic",
        ),
        pytest.param({"type": "file", "source_type": "text", "text": "A\nB"}, id="v0"),
    ],
)
def test_a_text_document_is_text(block):
    """Everywhere, documents or not."""
    assert user_part(block, VLLM) == {"type": "text", "text": "A\nB"}


def test_one_text_block_is_a_string():
    """String-only servers take it too; more than one stay parts."""
    assert to_wire([HumanMessage([{"type": "text", "text": "hi"}])], PLAIN) == [USER]
    assert to_wire([HumanMessage(["a", "b"])], PLAIN)[0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


@pytest.mark.pain("P64")
def test_a_mark_goes_only_where_it_is_read():
    """It changes no answer, so it is left out elsewhere."""
    block = {"type": "text", "text": "x", "cache_control": MARK}

    assert user_part(block, DASHSCOPE) == block
    assert user_part(block, VLLM) == {"type": "text", "text": "x"}


@pytest.mark.parametrize(
    ("gateway", "model", "block", "words"),
    [
        pytest.param(
            DASHSCOPE,
            "qwen3.6-max-preview",
            {"type": "video", "url": "https://x/y.mp4"},
            ["qwen3.6-max-preview takes text, not video", "qwen3.6-plus", "`force=True`"],
            id="a-model-that-cannot-see",
        ),
        pytest.param(
            DASHSCOPE,
            "qwen3.6-plus",
            {"type": "audio", "base64": "AAAA"},
            ["qwen3.6-plus", "not audio", "choose qwen3.8-omni-flash"],
            id="a-model-that-cannot-hear",
        ),
        pytest.param(
            GATEWAYS["ollama"],
            None,
            {"type": "video", "url": "https://x/y.mp4"},
            ["ollama", "images"],
            id="a-row-without-video",
        ),
        pytest.param(
            VLLM, None, {"type": "video", "video": ["a"]}, ["vllm", "URL"], id="no-frames"
        ),
        pytest.param(
            PLAIN,
            None,
            {"type": "audio", "url": "https://x/y.wav"},
            ["plain", "base64"],
            id="audio-by-url",
        ),
        pytest.param(
            VLLM, None, {"type": "file", "base64": "AAAA"}, ["vllm", "text"], id="no-documents"
        ),
        pytest.param(
            DASHSCOPE,
            None,
            {"type": "file", "base64": "AAAA"},
            ["dashscope", "QwenFiles", "content_block"],
            id="documents-by-upload-only",
        ),
        pytest.param(
            DASHSCOPE, None, {"type": "image", "file_id": "f"}, ["'f'", "base64"], id="image-id"
        ),
        pytest.param(DASHSCOPE, None, {"type": "image"}, ["'image'", "url"], id="nothing"),
        pytest.param(
            DASHSCOPE,
            None,
            {"type": "image", "base64": "bm90IGFuIGltYWdl", "mime_type": "image/png"},
            ["'bm90IGFuIGlt'", "image/png"],
            id="no-image",
        ),
        pytest.param(
            DASHSCOPE,
            None,
            {"type": "image", "base64": "A" * (40 * 2**20), "mime_type": "image/png"},
            ["40.0 MB", "20 MB", "URL"],
            id="too-big",
        ),
        pytest.param(
            DASHSCOPE, None, {"type": "text", "text": None}, ["'text'", "None"], id="no-text"
        ),
        pytest.param(
            DASHSCOPE,
            None,
            {"type": "redacted_thinking", "data": "x"},
            ["'redacted_thinking'"],
            id="another-vendor's",
        ),
        pytest.param(DASHSCOPE, None, {"no": "type"}, ["None"], id="no-type"),
    ],
)
def test_what_a_user_cannot_say_here_is_refused_by_name(gateway, model, block, words):
    """The gateway or the model, and the way out."""
    with pytest.raises(MessageError) as refused:
        user_part(block, gateway, model=model and find_model(model))

    assert [word for word in words if word not in str(refused.value)] == []


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(IMAGE, id="image"),
        pytest.param({"type": "video", "url": "https://x/y.mp4"}, id="video"),
        pytest.param({"type": "audio", "url": "https://x/y.mp3"}, id="audio"),
    ],
)
def test_what_the_catalogue_says_of_a_model_can_be_overruled(block):
    """`force=True` for a model that is newer than its row."""
    model = find_model("qwen3.6-max-preview")
    with pytest.raises(MessageError, match="`force=True`"):
        user_part(block, model=model)

    assert user_part(block, model=model, force=True) == user_part(block)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        pytest.param({"type": "image", "base64": "bm90IGFuIGltYWdl"}, ["is not one"], id="format"),
        pytest.param({"type": "image", "base64": "A" * (21 * 2**20)}, ["21.0 MB"], id="size"),
        pytest.param({"type": "video", "url": "https://x/y", "fps": 99}, ["fps=99"], id="number"),
    ],
)
def test_what_the_gateway_refuses_cannot_be_forced(block, words):
    """The request would fail as a whole, and later."""
    with pytest.raises(MessageError) as refused:
        user_part(block, force=True)

    assert [word for word in words if word not in str(refused.value)] == []


@pytest.mark.parametrize(
    ("block", "words"),
    [
        pytest.param({"type": "image_url", "image_url": 3}, ["'image_url'", "`url`"], id="number"),
        pytest.param({"type": "image", "url": ["u"]}, ["'url'", "'image'"], id="a-list"),
        pytest.param({"type": "input_audio"}, ["'input_audio'", "`base64`"], id="no-sound"),
        pytest.param({"type": "image", "base64": "////////"}, ["no mime_type"], id="no-image"),
        pytest.param({"type": "image", "base64": "data:image/png;base64,"}, ["empty"], id="empty"),
        pytest.param({"type": "image", "base64": PNG[:-3]}, ["is none"], id="cut"),
        pytest.param({"type": "image", "base64": "Ωλ!="}, ["is none"], id="no-base64"),
        pytest.param({"type": "image", "base64": packed(PNG_HEAD)}, ["no size"], id="cut-head"),
        pytest.param({"type": "image", "base64": packed(png(0, 9))}, ["no size"], id="no-width"),
        pytest.param({"type": "image", "base64": packed(JPEG[:9])}, ["no size"], id="cut-jpeg"),
        pytest.param(
            {"type": "image", "base64": "AAAA", "mime_type": "image/x\r\ny: z"},
            ["`mime_type='image/x"],
            id="a-type-that-is-a-header",
        ),
        pytest.param({"type": ["image"]}, ["its type", "['image']"], id="a-list-for-a-type"),
        pytest.param(LOOP, ["'non_standard'"], id="a-block-that-holds-itself"),
        pytest.param({"type": "image", "url": "data:,x"}, ["must hold base64"], id="plain-data"),
        pytest.param(
            {"type": "image", "base64": packed(MP4)}, ["video/mp4", "its own kind"], id="a-video"
        ),
        pytest.param({"type": "video", "base64": PNG}, ["image/png", "its own kind"], id="a-still"),
        pytest.param({"type": "audio", "base64": PNG}, ["image/png", "its own kind"], id="no-wav"),
        pytest.param(
            {"type": "image", "base64": packed(JPEG), "mime_type": "application/pdf", "fps": "2"},
            ["`fps='2'`", "a number above 0"],
            id="a-rate-in-words",
        ),
        pytest.param(
            {"type": "image", "url": "/home/me/a.png"},
            ["'/home/me/a.png'", "image_block(path)"],
            id="a-path",
        ),
        pytest.param(
            {"type": "video_url", "video_url": {"url": "file:///home/me/a.mp4"}},
            ["'file:///home/me/a.mp4'", "video_block(path)"],
            id="a-file-url",
        ),
        pytest.param({"type": "image_url", "image_url": "a.png"}, ["image_block"], id="bare-name"),
        pytest.param({"type": "video", "video": ["a.png"] * 4}, ["image_block"], id="frame-path"),
        pytest.param({"type": "video", "video": [3] * 4}, ["A frame", "3"], id="no-frame"),
        pytest.param({"type": "video", "video": []}, ["no frames"], id="no-frames"),
        pytest.param({"type": "text-plain", "url": "https://x/y"}, ["dashscope"], id="text-by-url"),
    ],
)
def test_a_block_of_the_wrong_shape_is_refused_by_name(block, words):
    """Blocks come from tools and stored histories: anything may be in them."""
    with pytest.raises(MessageError) as refused:
        user_part(block)

    assert [word for word in words if word not in str(refused.value)] == []


FRAMES = {"type": "video", "video": ["https://x/1.png"] * 4}


@pytest.mark.parametrize(
    ("block", "words"),
    [
        pytest.param(URL | {"min_pixels": 0}, ["min_pixels=0", "above 0"], id="zero"),
        pytest.param(URL | {"min_pixels": 1e5}, ["100000.0", "whole number"], id="a-float"),
        pytest.param(URL | {"max_pixels": True}, ["max_pixels=True"], id="a-bool"),
        pytest.param(URL | {"max_pixels": 2**25}, ["33554432", "16777216"], id="too-many"),
        pytest.param(FRAMES | {"max_pixels": 2**22}, ["4194304", "2048000"], id="of-a-frame"),
        pytest.param(FRAMES | {"total_pixels": 9**10}, ["3486784401", "819200000"], id="of-all"),
        pytest.param(
            URL | {"min_pixels": 90_000, "max_pixels": 80_000},
            ["min_pixels=90000", "above `max_pixels=80000`"],
            id="crossed",
        ),
        pytest.param(FRAMES | {"fps": 0.01}, ["fps=0.01", "at least 0.1"], id="slow"),
        pytest.param(FRAMES | {"fps": float("nan")}, ["fps=nan"], id="not-a-number"),
        pytest.param(FRAMES | {"fps": float("inf")}, ["fps=inf"], id="endless"),
        pytest.param(FRAMES | {"fps": -1}, ["fps=-1"], id="backwards"),
        pytest.param({"type": "video", "video": ["https://x/1"] * 3}, ["(3)", "4"], id="3-frames"),
        pytest.param(
            {"type": "image", "base64": packed(png(10, 900))}, ["10 x 900", "above 10"], id="thin"
        ),
        pytest.param(
            {"type": "image", "base64": packed(bmp(11, 2_202))}, ["200.182", "200"], id="long"
        ),
    ],
)
def test_a_number_that_the_gateway_refuses_is_named(block, words):
    """Model Studio's limits; elsewhere only nonsense is refused."""
    with pytest.raises(MessageError) as refused:
        user_part(block)

    assert [word for word in words if word not in str(refused.value)] == []


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(URL | {"max_pixels": 2**25}, id="pixels"),
        pytest.param({"type": "video", "url": "https://x/y", "fps": 60}, id="fps"),
        pytest.param({"type": "image", "base64": packed(png(1, 1))}, id="side"),
        pytest.param({"type": "image", "url": "file:///srv/a.png"}, id="a-file-of-the-server"),
    ],
)
def test_a_server_of_ones_own_has_other_limits(block):
    """Its row says nothing of them, and it reads files of its own machine."""
    assert user_part(block, VLLM)


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        pytest.param([{"type": "image", "base64": PNG}] * 251, ["(251)", "250"], id="base64"),
        pytest.param([URL] * 2_049, ["(2049)", "2048"], id="urls"),
        pytest.param([{"type": "video", "url": "https://x/y"}] * 65, ["(65)", "64"], id="videos"),
    ],
)
def test_too_many_images_are_counted_over_all_messages(blocks, words):
    """Model Studio counts them by the request."""
    half = len(blocks) // 2
    messages = [HumanMessage(blocks[:half]), AIMessage("Go on."), HumanMessage(blocks[half:])]
    settings = Settings(model="qwen3.6-plus", wire_model="qwen3.6-plus")
    with pytest.raises(MessageError) as refused:
        build(messages, settings, DASHSCOPE, None, stream=True)

    assert [word for word in words if word not in str(refused.value)] == []
    assert build(messages, settings, OPENROUTER, None, stream=True)


def test_an_images_format_may_be_newer_than_we_are():
    """A type that has no mark here is believed; one that has is looked for."""
    block = {"type": "image", "base64": "AAAA", "mime_type": "image/jxl"}
    assert user_part(block)["image_url"]["url"] == "data:image/jxl;base64,AAAA"


def test_a_gif_goes_out():
    """Its vendor lists it nowhere; the gateway judges."""
    block = {"type": "image", "base64": packed(GIF)}
    assert user_part(block)["image_url"]["url"] == f"data:image/gif;base64,{packed(GIF)}"


def test_a_data_url_in_a_document_stays_one():
    """OpenAI's form has it already."""
    data = "data:application/pdf;base64,AAAA"

    assert user_part({"type": "file", "base64": data}, OPENROUTER)["file"]["file_data"] == data


def test_a_document_by_its_url_goes_by_its_url():
    """Where the gateway fetches it."""
    block = {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}}

    assert user_part(block, GATEWAYS["vercel"])["file"]["data"] == "https://x/a.pdf"


def test_a_v0_file_may_be_named_by_its_id():
    """v0 calls it `id`."""
    block = {"type": "file", "source_type": "id", "id": "f1"}

    assert user_part(block, OPENROUTER) == {"type": "file", "file": {"file_id": "f1"}}


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(IMAGE, id="wire-form"),
        pytest.param({"type": "image", "base64": PNG}, id="image"),
        pytest.param({"type": "video", "url": FILM}, id="data-url"),
        pytest.param({"type": "video", "base64": packed(MP4)}, id="base64"),
        pytest.param({"type": "video", "video": [IMAGE["image_url"]["url"]] * 4}, id="frames"),
        pytest.param({"type": "audio", "base64": packed(WAV)}, id="audio"),
    ],
)
def test_every_part_is_measured(block):
    """The server counts each, however the bytes are packed."""
    small = replace(DASHSCOPE, max_base64=16)
    with pytest.raises(MessageError, match="MB is more than"):
        user_part(block, small)

    assert user_part(block)
