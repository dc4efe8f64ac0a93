from __future__ import annotations

import base64
import json

import pytest
from langchain_core.messages import HumanMessage

from langchain_qwen36._wire.messages import to_wire
from langchain_qwen36.catalog import find_model
from langchain_qwen36.errors import MessageError
from langchain_qwen36.gateways import GATEWAYS, Gateway

PLAIN = Gateway(name="plain")
DASHSCOPE = GATEWAYS["dashscope"]
OPENROUTER = GATEWAYS["openrouter"]
VLLM = GATEWAYS["vllm"]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24)).decode()
USER = {"role": "user", "content": "hi"}
MARK = {"type": "ephemeral"}
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}


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
        pytest.param({"type": "non_standard", "value": IMAGE}, id="wrapped"),
    ],
)
def test_t20_an_image_has_one_shape_on_the_wire(block):
    """Whoever's shape it came in."""
    assert user_part(block) == IMAGE


def test_pixel_bounds_stand_beside_the_image():
    """Siblings of `image_url`, from the block or its extras (dashscope.md §4.6)."""
    block = {
        "type": "image",
        "url": "https://x/y.png",
        "max_pixels": 9,
        "extras": {"min_pixels": 4, "detail": "high", "cache_control": MARK},
    }

    assert user_part(block) == {
        "type": "image_url",
        "image_url": {"url": "https://x/y.png", "detail": "high"},
        "min_pixels": 4,
        "max_pixels": 9,
        "cache_control": MARK,
    }


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param(
            {"type": "video", "url": "https://x/y.mp4", "extras": {"fps": 2.0}},
            {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}, "fps": 2.0},
            id="url",
        ),
        pytest.param(
            {"type": "video", "base64": "AAAA", "mime_type": "video/webm"},
            {"type": "video_url", "video_url": {"url": "data:video/webm;base64,AAAA"}},
            id="base64",
        ),
        pytest.param(
            {"type": "video", "video": ["https://x/1.jpg", "https://x/2.jpg"], "fps": 1},
            {"type": "video", "video": ["https://x/1.jpg", "https://x/2.jpg"], "fps": 1},
            id="frames",
        ),
        pytest.param(
            {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}, "max_pixels": 5},
            {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}, "max_pixels": 5},
            id="wire-form",
        ),
    ],
)
def test_p55_a_video_is_a_video_url_or_its_frames(block, expected):
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


def test_p64_a_mark_goes_only_where_it_is_read():
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
            ["qwen3.6-max-preview", "video", "check_inputs=False"],
            id="a-model-that-cannot-see",
        ),
        pytest.param(
            DASHSCOPE,
            "qwen3.6-plus",
            {"type": "audio", "base64": "AAAA"},
            ["qwen3.6-plus", "audio"],
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
            ["dashscope", "file-extract"],
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
            {"type": "image", "base64": PNG + "A" * (40 * 2**20), "mime_type": "image/png"},
            ["40.0 MB", "10 MB", "URL"],
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


def test_a_check_can_be_waved_through():
    """`check_inputs=False` for a model or a format that is newer than the catalogue."""
    block = {"type": "image", "base64": "bm90IGFuIGltYWdl", "mime_type": "image/png"}
    model = find_model("qwen3.6-max-preview")

    assert user_part(block, model=model, check_inputs=False)["type"] == "image_url"


@pytest.mark.parametrize(
    ("block", "words"),
    [
        pytest.param({"type": "image_url", "image_url": 3}, ["'url'", "3"], id="no-address"),
        pytest.param({"type": "image", "url": ["u"]}, ["'url'", "'image'"], id="a-list"),
        pytest.param({"type": "input_audio"}, ["no sound", "None"], id="no-sound"),
        pytest.param({"type": "image", "base64": "////////"}, ["no mime_type"], id="no-image"),
        pytest.param({"type": "text-plain", "url": "https://x/y"}, ["dashscope"], id="text-by-url"),
    ],
)
def test_a_block_of_the_wrong_shape_is_refused_by_name(block, words):
    """Blocks come from tools and stored histories: anything may be in them."""
    with pytest.raises(MessageError) as refused:
        user_part(block)

    assert [word for word in words if word not in str(refused.value)] == []


def test_an_unknown_image_without_a_type_cannot_be_named():
    """A data URL needs its type, even where nothing is checked."""
    with pytest.raises(MessageError, match="mime_type"):
        user_part({"type": "image", "base64": "////////"}, check_inputs=False)


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
        pytest.param({"type": "image_url", "image_url": {"url": "data:,{}"}}, id="wire-form"),
        pytest.param({"type": "video", "url": "data:,{}"}, id="data-url"),
        pytest.param({"type": "video", "base64": "{}"}, id="base64"),
        pytest.param({"type": "audio", "base64": "{}"}, id="audio"),
    ],
)
def test_every_part_is_measured(block):
    """The server counts 10 MB each, however the bytes are packed (dashscope.md §4.6)."""
    sized = json.loads(json.dumps(block).replace("{}", "A" * (11 * 2**20)))
    with pytest.raises(MessageError, match=r"11\.0 MB"):
        user_part(sized)

    assert user_part(sized, VLLM)
