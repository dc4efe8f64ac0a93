"""What a message with an uploaded file, or with an URL of the temporary storage, sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from builders import answer, model_on
from langchain_core.messages import HumanMessage, SystemMessage

from langchain_qwen36.files import UploadedFile
from langchain_qwen36.media import image_block, video_block

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback import LoopbackGateway

HEADER = "x-dashscope-ossresourceresolve"


def test_a_files_block_is_a_system_message(
    gateway_server: Callable[..., LoopbackGateway],
) -> None:
    """The file stands in a system message of its own, behind the prompt and before the question."""
    server = gateway_server("dashscope")
    server.script(answer())
    block = UploadedFile(id="file-fe-1").content_block
    model_on(server, "qwen-long").invoke(
        [SystemMessage("Be brief."), HumanMessage(["Sum it up.", block])]
    )
    assert server.bodies[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "system", "content": "fileid://file-fe-1"},
        {"role": "user", "content": "Sum it up."},
    ]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(video_block("oss://dashscope-instant/a/walk.mp4"), id="video"),
        pytest.param(image_block("oss://dashscope-instant/a/cat.png"), id="image"),
        pytest.param(
            video_block([f"oss://dashscope-instant/a/{number}.png" for number in range(4)]),
            id="frames",
        ),
    ],
)
def test_a_temporary_url_is_resolved(
    gateway_server: Callable[..., LoopbackGateway], block: dict[str, object]
) -> None:
    """The header that lets Model Studio follow the URL is sent with it."""
    server = gateway_server("dashscope")
    server.script(answer())
    model_on(server).invoke([HumanMessage(["What is it?", block])])
    assert server.requests[0].headers[HEADER] == "enable"


@pytest.mark.parametrize(
    ("gateway", "url"),
    [
        pytest.param("dashscope", "https://example.com/walk.mp4", id="another URL"),
        pytest.param("openrouter", "oss://dashscope-instant/a/walk.mp4", id="another gateway"),
    ],
)
def test_no_other_request_has_the_header(
    gateway_server: Callable[..., LoopbackGateway], gateway: str, url: str
) -> None:
    """The header is Model Studio's, and only for its own URLs."""
    server = gateway_server(gateway)
    server.script(answer())
    model_on(server).invoke([HumanMessage(["What is it?", video_block(url)])])
    assert HEADER not in server.requests[0].headers
