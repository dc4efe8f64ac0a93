"""Upload to Model Studio's temporary storage: get a policy from its API, then send a form.

Source: https://help.aliyun.com/zh/model-studio/get-temporary-file-url (read 2026-12-01).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from langchain_qwen36._model.client import ClientRequest
from langchain_qwen36._response.payload import check_status, parse_object, unexpected_response
from langchain_qwen36._transport.http.upload import UploadBody
from langchain_qwen36.errors import MessageError, UnsupportedSettingError
from langchain_qwen36.gateways import GATEWAYS
from langchain_qwen36.gateways.model_studio import native_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_qwen36._response.payload import HTTPBody, ResponseContext
    from langchain_qwen36._transport.http.upload import FilePart
    from langchain_qwen36.gateways import Endpoint

_FORM = {
    "OSSAccessKeyId": "oss_access_key_id",
    "Signature": "signature",
    "policy": "policy",
    "x-oss-object-acl": "x_oss_object_acl",
    "x-oss-forbid-overwrite": "x_oss_forbid_overwrite",
}
"""The key in the policy for each field of the form."""

Policy = dict[str, Any]


def policy_request(endpoint: Endpoint, model: str) -> ClientRequest:
    """Return the request for a policy, which allows the upload of a file for a model.

    Raises:
        UnsupportedSettingError: the gateway has no temporary storage.
    """
    if endpoint.gateway.temporary_storage is None:
        able = [repr(row.name) for row in GATEWAYS.values() if row.temporary_storage]
        raise UnsupportedSettingError(
            f"`gateway={endpoint.gateway.name!r}` has no temporary storage, {', '.join(able)} has: "
            "pass a public URL, or the bytes with `langchain_qwen36.media`."
        )
    return ClientRequest(
        url=native_url(str(endpoint.base_url), "uploads"),
        method="GET",
        query={"action": "getPolicy", "model": model},
        model=model,
    )


def parse_policy(context: ResponseContext, body: HTTPBody) -> Policy:
    """Parse the policy.

    Raises:
        QwenError: the response is an error, or no policy.
    """
    data = parse_object(context, body, "upload policy").get("data")
    needed = (*_FORM.values(), "upload_host", "upload_dir")
    if not isinstance(data, dict) or not all(isinstance(data.get(key), str) for key in needed):
        raise unexpected_response(context, body, "upload policy")
    return data


def form_request(endpoint: Endpoint, policy: Policy, part: FilePart) -> ClientRequest:
    """Return the request of the form with the file, for the host that the policy names.

    Raises:
        MessageError: the file is larger than the policy allows.
        UnsupportedSettingError: the host is not the gateway's storage.
    """
    megabytes = policy.get("max_file_size_mb")
    if isinstance(megabytes, int | float) and part.size > megabytes * 2**20:
        raise MessageError(
            f"{part.filename!r} has {part.size:,} bytes, more than the {megabytes:,} MB that this "
            "model takes."
        )
    host = policy["upload_host"]
    _check_host(host, endpoint)
    fields = {name: policy[key] for name, key in _FORM.items()}
    fields |= {"key": _key(policy, part), "success_action_status": "200"}
    body = UploadBody(fields, part)
    headers = {"content-type": body.content_type}
    return ClientRequest(url=f"{host}/", body=body, headers=headers, is_foreign=True)


def parse_stored(context: ResponseContext, body: HTTPBody) -> None:
    """Raise a `QwenError` for an error of the storage; a success has no body."""
    check_status(context, body)


def oss_url(policy: Mapping[str, Any], part: FilePart) -> str:
    """Return the URL under which the model finds the file."""
    return f"oss://{_key(policy, part)}"


def _key(policy: Mapping[str, Any], part: FilePart) -> str:
    return f"{policy['upload_dir']}/{part.filename}"


def _check_host(host: str, endpoint: Endpoint) -> None:
    """Refuse hosts other than the gateway's storage, or the host that the user named."""
    there = urlsplit(host)
    name = there.hostname or ""
    is_storage = there.scheme == "https" and name.endswith(str(endpoint.gateway.temporary_storage))
    if not is_storage and name != urlsplit(str(endpoint.base_url)).hostname:
        raise UnsupportedSettingError(
            f"The gateway names {host!r} for the upload, which is none of its storages: the file "
            "was not sent."
        )
