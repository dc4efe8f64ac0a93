"""Send the requests of a batch job over the package's own transport, each of them once."""

from __future__ import annotations

from contextlib import aclosing, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from langchain_qwen36._model.connection import (
    async_api_key,
    headers_of,
    sync_api_key,
    target_of,
    timeouts_of,
    url_with_query,
)
from langchain_qwen36._response.payload import check_status
from langchain_qwen36._transport import ApiCall
from langchain_qwen36._transport.http.upload import FilePart, UploadBody
from langchain_qwen36._transport.request import adownload, asend, download, send
from langchain_qwen36.bulk.batch.actions import Reply

if TYPE_CHECKING:
    from pydantic import SecretStr

    from langchain_qwen36._model.fields import QwenFields
    from langchain_qwen36._response.payload import HTTPBody, ResponseContext
    from langchain_qwen36.bulk.batch.actions import Send
    from langchain_qwen36.gateways import Endpoint


class BatchClient:
    """Sends requests other than completions over a model's connection.

    Nothing is repeated here: only the steps of the job know which request may be sent twice.
    """

    def __init__(self, fields: QwenFields, endpoint: Endpoint) -> None:
        self._fields, self._endpoint = fields, endpoint

    def send(self, action: Send) -> Reply:
        """Send a request.

        Raises:
            QwenError: The gateway refuses, or cannot be reached.
        """
        call = self._call(action, sync_api_key(self._fields, self._endpoint))
        if action.save_to is None:
            return send(call, _reply)
        with action.save_to.open("wb") as file, closing(download(call)) as pieces:
            for piece in pieces:
                file.write(piece)
        return Reply()

    async def asend(self, action: Send) -> Reply:
        """`send`, async."""
        call = self._call(action, await async_api_key(self._fields, self._endpoint))
        if action.save_to is None:
            return await asend(call, _reply)
        with action.save_to.open("wb") as file:
            async with aclosing(adownload(call)) as pieces:
                async for piece in pieces:
                    file.write(piece)
        return Reply()

    def _call(self, action: Send, key: SecretStr | None) -> ApiCall:
        fields, endpoint = self._fields, self._endpoint
        body: bytes | UploadBody = action.body
        own = {}
        if action.upload is not None:
            size = action.upload.stat().st_size
            part = FilePart(source=action.upload, size=size, filename=action.filename)
            body = UploadBody({"purpose": "batch"}, part)
            own = {"content-type": body.content_type}
        url = url_with_query(
            f"{endpoint.base_url}{action.path}", fields.default_query, action.query
        )
        target = target_of(fields, endpoint, url, headers_of(fields, key, own), action.method)
        return ApiCall(
            target=replace(target, new_connection=action.makes_something),
            body=body,
            gateway=endpoint.gateway,
            model=f"batch {action.method} {action.path}",
            timeouts=timeouts_of(fields.timeout, endpoint.gateway),
            max_retries=0,
            is_stream=False,
            check=endpoint.check,
        )


def _reply(context: ResponseContext, body: HTTPBody) -> Reply:
    check_status(context, body)
    return Reply(body.content)
