from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from langchain_qwen36.errors import MissingKeyError, UnsupportedSettingError
from langchain_qwen36.gateways import GATEWAYS, Gateway, Range, gateway_of_host, select_endpoint

INTL = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"
KEY_VARIABLES = {name for row in GATEWAYS.values() for name in row.key_env}


@pytest.mark.parametrize(
    ("gateway", "base_url", "env", "expected"),
    [
        pytest.param(
            "openrouter",
            None,
            {"OPENROUTER_API_KEY": "k", "DASHSCOPE_API_KEY": "d"},
            ("openrouter", "https://openrouter.ai/api/v1", "k"),
            id="a-name-decides",
        ),
        pytest.param(
            None,
            "https://ai-gateway.vercel.sh/v1/",
            {"AI_GATEWAY_API_KEY": "k", "QWEN36_GATEWAY": "apiyi"},
            ("vercel", "https://ai-gateway.vercel.sh/v1", "k"),
            id="then-a-known-host",
        ),
        pytest.param(
            None,
            None,
            {"QWEN36_GATEWAY": "apiyi", "APIYI_API_KEY": "k", "DASHSCOPE_API_KEY": "d"},
            ("apiyi", "https://api.apiyi.com/v1", "k"),
            id="then-the-variable",
        ),
        pytest.param(
            None,
            None,
            {"AIMLAPI_API_KEY": "k", "OPENROUTER_API_KEY": "o"},
            ("openrouter", "https://openrouter.ai/api/v1", "o"),
            id="then-the-first-key-in-order",
        ),
        pytest.param(
            None,
            None,
            {"DASHSCOPE_API_KEY": "  ", "AIMLAPI_API_KEY": " k\n"},
            ("aimlapi", "https://api.aimlapi.com/v1", "k"),
            id="blank-keys-do-not-count-and-spaces-are-cut",
        ),
        pytest.param(
            None,
            "http://10.0.0.7:9000/v1/chat/completions",
            {"DASHSCOPE_API_KEY": "d", "QWEN36_API_KEY": "q"},
            ("openai-compatible", "http://10.0.0.7:9000/v1", "q"),
            id="an-unknown-host-is-plain-and-never-gets-another-gateway's-key",
        ),
        pytest.param(
            "vllm",
            "http://10.0.0.7:9000/v1",
            {},
            ("vllm", "http://10.0.0.7:9000/v1", None),
            id="a-server-of-your-own-needs-no-key",
        ),
        pytest.param(
            None,
            None,
            {"DASHSCOPE_API_KEY": "d", "DASHSCOPE_BASE_URL": INTL},
            ("dashscope-intl", INTL, "d"),
            id="the-row's-base-url-variable-may-name-another-region",
        ),
        pytest.param(
            "dashscope",
            None,
            {"DASHSCOPE_API_KEY": "d", "DASHSCOPE_BASE_URL": INTL},
            ("dashscope-intl", INTL, "d"),
            id="a-named-region-gives-way-to-the-region-of-its-url",
        ),
        pytest.param(
            None,
            "https://ws1.eu-central-1.maas.aliyuncs.com/compatible-mode/v1",
            {"DASHSCOPE_API_KEY": "d"},
            (
                "dashscope-eu",
                "https://ws1.eu-central-1.maas.aliyuncs.com/compatible-mode/v1",
                "d",
            ),
            id="a-workspace-host-is-its-region",
        ),
        pytest.param(
            None,
            None,
            {
                "DASHSCOPE_API_KEY": "d",
                "DASHSCOPE_BASE_URL": "https://openrouter.ai/api/v1",
                "OPENROUTER_API_KEY": "o",
            },
            ("openrouter", "https://openrouter.ai/api/v1", "o"),
            id="a-variable-that-points-elsewhere-takes-that-gateway's-key",
        ),
        pytest.param("local", None, {}, ("local", None, None), id="the-embedded-engine"),
    ],
)
def test_an_endpoint_is_chosen_in_the_documented_order(gateway, base_url, env, expected):
    """Name, host, `QWEN36_GATEWAY`, first key: the earlier one wins."""
    endpoint = select_endpoint(gateway, base_url, has_key=False, env=env)

    assert expected == (endpoint.gateway.name, endpoint.base_url, endpoint.key)


def test_a_row_of_your_own_is_taken_as_it_is():
    """A `Gateway(...)` is never swapped for a known row, even on a known host."""
    mine = Gateway(name="mine", base_url="https://openrouter.ai/api/v1")

    endpoint = select_endpoint(mine, None, has_key=False, env={"OPENROUTER_API_KEY": "o"})

    assert (mine, None) == (endpoint.gateway, endpoint.key)


def test_a_key_of_your_own_keeps_the_variables_unread():
    """With `api_key=` no key of the environment is taken along."""
    endpoint = select_endpoint("apiyi", None, has_key=True, env={"APIYI_API_KEY": "k"})

    assert endpoint.key is None


@pytest.mark.parametrize(
    "owner", [row for row in GATEWAYS.values() if row.hosts], ids=lambda row: row.name
)
@pytest.mark.parametrize(
    "row", [row for row in GATEWAYS.values() if row.needs_key], ids=lambda row: row.name
)
def test_a_key_from_a_variable_never_reaches_another_gateway(row, owner):
    """Whatever is named and wherever the URL points, keys stay in their own house."""
    env = {name: f"key of {name}" for name in KEY_VARIABLES}
    host = owner.hosts[0] if not owner.hosts[0].startswith(".") else f"ws{owner.hosts[0]}"
    try:
        endpoint = select_endpoint(row.name, f"https://{host}/v1", has_key=False, env=env)
    except MissingKeyError as refused:
        assert owner.name in str(refused)  # noqa: PT017
        assert not set(row.key_env) & set(owner.key_env)
    else:
        assert endpoint.key in {f"key of {name}" for name in owner.key_env}


@pytest.mark.parametrize(
    ("gateway", "base_url", "env", "error", "words"),
    [
        pytest.param(
            None,
            None,
            {},
            MissingKeyError,
            ["DASHSCOPE_API_KEY", "OPENROUTER_API_KEY", "AIMLAPI_API_KEY", "QWEN36_GATEWAY=local"],
            id="nothing-is-set",
        ),
        pytest.param(
            "openrouter",
            None,
            {},
            MissingKeyError,
            ["OPENROUTER_API_KEY", "api_key=", 'gateway="local"'],
            id="the-key-is-not-set",
        ),
        pytest.param(
            "dashscop",
            None,
            {},
            UnsupportedSettingError,
            ["'dashscop'", "dashscope-intl", "Gateway(...)"],
            id="no-such-name",
        ),
        pytest.param(
            None,
            None,
            {"QWEN36_GATEWAY": "nope"},
            UnsupportedSettingError,
            ["QWEN36_GATEWAY='nope'"],
            id="no-such-name-in-the-variable",
        ),
        pytest.param(
            "openai-compatible",
            None,
            {},
            UnsupportedSettingError,
            ["base_url=", "QWEN36_BASE_URL"],
            id="no-address",
        ),
        pytest.param(
            None,
            "openrouter.ai/api/v1",
            {},
            UnsupportedSettingError,
            ["https://", "'openrouter.ai/api/v1'"],
            id="an-address-without-scheme",
        ),
        pytest.param(
            "dashscope",
            None,
            {"DASHSCOPE_API_KEY": "d", "DASHSCOPE_BASE_URL": "https://openrouter.ai/api/v1"},
            MissingKeyError,
            ["DASHSCOPE_API_KEY", "openrouter"],
            id="the-named-gateway's-variable-points-elsewhere",
        ),
    ],
)
def test_what_is_missing_is_said_by_name(gateway, base_url, env, error, words):
    """The error names the variable to set or the argument to pass, and never a key."""
    with pytest.raises(error) as refused:
        select_endpoint(gateway, base_url, has_key=False, env=env)

    assert [word for word in words if word not in str(refused.value)] == []
    assert "'d'" not in str(refused.value)


def test_choosing_by_a_key_is_logged(caplog):
    """Nobody named the gateway, so an INFO line says which variable decided."""
    with caplog.at_level(logging.INFO, logger="langchain_qwen36"):
        select_endpoint(None, None, has_key=False, env={"APIYI_API_KEY": "secret"})

    assert caplog.messages == ["Gateway 'apiyi' was chosen because APIYI_API_KEY is set."]


def test_the_key_is_not_in_the_endpoint_s_repr():
    """An endpoint may be logged."""
    endpoint = select_endpoint("apiyi", None, has_key=False, env={"APIYI_API_KEY": "secret"})

    assert "secret" not in repr(endpoint)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://OPENROUTER.ai/api/v1", "openrouter", id="case"),
        pytest.param("https://openrouter.ai./api/v1", "openrouter", id="trailing-dot"),
        pytest.param("https://openrouter.ai.evil.example/v1", None, id="a-longer-host"),
        pytest.param("https://openrouter.ai@evil.example/v1", None, id="a-user-name"),
        pytest.param("https://evil.example/openrouter.ai", None, id="a-path"),
        pytest.param("https://x.cn-beijing.maas.aliyuncs.com", "dashscope", id="a-workspace"),
        pytest.param("https://cn-beijing.maas.aliyuncs.com", None, id="no-workspace"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_host_belongs_to_one_row_or_none(url, expected):
    """Only the host itself decides, whole."""
    row = gateway_of_host(url)

    assert expected == (row.name if row else None)


def test_no_host_belongs_to_two_rows():
    """Otherwise the order of the rows would decide where a key goes."""
    hosts = [host for row in GATEWAYS.values() for host in row.hosts]

    assert sorted(set(hosts)) == sorted(hosts)


@pytest.mark.parametrize("row", GATEWAYS.values(), ids=lambda row: row.name)
def test_every_row_s_address_is_one_of_its_hosts(row):
    """A row that needs a key must recognise its own address, or the key guard would not."""
    if row.needs_key and row.base_url:
        assert row == gateway_of_host(row.base_url)


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "said"),
    [
        pytest.param(Range(0, 2), [0, 1, 2], [-0.1, 2.1], "at least 0 and at most 2", id="closed"),
        pytest.param(Range(0, below=2), [0, 1.99], [2], "at least 0 and below 2", id="open-above"),
        pytest.param(Range(above=0), [1], [0, float("nan")], "above 0", id="open-below"),
    ],
)
def test_a_range_holds_its_bounds(bounds, inside, outside, said):
    """Bounds are what the vendors print, said in words for the error."""
    assert [True] * len(inside) == [value in bounds for value in inside]
    assert [False] * len(outside) == [value in bounds for value in outside]
    assert said == str(bounds)


def test_a_row_can_be_made_from_another():
    """A user's variant of a known gateway is one `replace` away."""
    mine = replace(GATEWAYS["vllm"], name="mine", base_url="http://gpu:8000/v1")

    assert mine == select_endpoint(mine, None, has_key=False, env={}).gateway


@pytest.mark.parametrize(
    ("base_url", "env"),
    [
        pytest.param("https://me:hush@gpu.example/v1", {}, id="argument"),
        pytest.param(None, {"DASHSCOPE_BASE_URL": "https://hush@gpu.example/v1"}, id="variable"),
    ],
)
def test_a_password_in_a_url_is_refused(base_url, env):
    """It would not be sent, but stand in every trace; the error does not repeat it."""
    with pytest.raises(UnsupportedSettingError, match="default_headers") as caught:
        select_endpoint("dashscope", base_url, has_key=True, env=env)

    assert "hush" not in str(caught.value)


HOST_OF_A_PLAN_OR_REGION = {
    "token-plan.cn-beijing.maas.aliyuncs.com": "dashscope-token-plan",
    "token-plan.ap-southeast-1.maas.aliyuncs.com": "dashscope-token-plan",
    "coding.dashscope.aliyuncs.com": "dashscope-coding-plan",
    "coding-intl.dashscope.aliyuncs.com": "dashscope-coding-plan",
    "batch.dashscope.aliyuncs.com": "dashscope-batch",
    "ws1.cn-beijing.maas.aliyuncs.com": "dashscope",
    "dashscope.aliyuncs.com": "dashscope",
}


@pytest.mark.parametrize(("host", "expected"), HOST_OF_A_PLAN_OR_REGION.items())
def test_the_host_tells_a_plan_from_its_region(host, expected):
    """A plan's host is found by its whole name before a workspace host by its end."""
    gateway = gateway_of_host(f"https://{host}/compatible-mode/v1")
    assert gateway is not None
    assert expected == gateway.name


def test_a_named_region_gives_way_to_the_plan_of_its_url():
    """`gateway="dashscope"` with a plan's URL is the plan: its calls have no price in money."""
    url = "https://token-plan.cn-beijing.maas.aliyuncs.com/compatible-mode/v1"
    endpoint = select_endpoint("dashscope", url, has_key=True, env={})
    assert (endpoint.gateway.name, endpoint.gateway.billing) == ("dashscope-token-plan", "plan")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("dashscope_intl", "Did you mean 'dashscope-intl'", id="punctuation"),
        pytest.param("OpenRouter", "Did you mean 'openrouter'?", id="case"),
        pytest.param("Alibaba-Cloud", "Did you mean 'dashscope'?", id="the-vendor"),
        pytest.param("百炼", "Did you mean 'dashscope'?", id="the-vendors-chinese-name"),
        pytest.param("openai", "Did you mean 'openai-compatible'?", id="a-protocol"),
        pytest.param("openruoter", "Did you mean 'openrouter'?", id="letters-swapped"),
        pytest.param("zzz", "is not known. It is one of", id="nothing-near"),
    ],
)
def test_a_misspelt_gateway_names_its_nearest_neighbors(name, expected):
    """The error offers the names that are spelled alike, and lists all."""
    with pytest.raises(UnsupportedSettingError) as caught:
        select_endpoint(name, None, has_key=True, env={})
    assert expected in str(caught.value)


def test_a_key_without_its_gateway_is_refused() -> None:
    """A key says not whose it is: the error names the gateways that it may belong to."""
    with pytest.raises(MissingKeyError, match=r"pass `gateway=` \(one of dashscope, "):
        select_endpoint(None, None, has_key=True, env={})
