import asyncio
import gzip
import zlib

import httpx2
import pytest

from ftm_resources.endpoint.client import BoundedClient

PAYLOAD = b"x" * 1000


def get(server, *, before=lambda _request: None, seconds=5.0, max_bytes=1000):
    async def ask():
        async with BoundedClient(
            before=before, seconds=lambda _request: seconds, max_bytes=max_bytes
        ) as client:
            return await client.get(f"{server.url}/models")

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("coding", "code"),
    [("identity", bytes), ("gzip", gzip.compress), ("deflate", zlib.compress)],
    ids=["identity", "gzip", "deflate"],
)
def test_a_reply_is_read_up_to_the_bound_and_not_beyond(scripted_llm, reply, coding, code):
    scripted_llm.models = lambda _asked: reply(body=code(PAYLOAD), headers={"Content-Encoding": coding})
    found = get(scripted_llm)
    assert found.content == PAYLOAD
    assert "content-encoding" not in found.headers
    with pytest.raises(httpx2.RemoteProtocolError, match="longer than 999 bytes"):
        get(scripted_llm, max_bytes=999)


def test_what_compresses_badly_counts_as_it_came(scripted_llm, reply):
    grown = gzip.compress(b"x", 0) + b"trailing" * 100
    scripted_llm.models = lambda _asked: reply(body=grown, headers={"Content-Encoding": "gzip"})
    with pytest.raises(httpx2.RemoteProtocolError, match="longer than 100 bytes"):
        get(scripted_llm, max_bytes=100)


def test_a_reply_that_is_not_whole_in_time_is_a_time_out(scripted_llm, reply):
    scripted_llm.models = lambda _asked: reply(body=PAYLOAD, stall=5.0)
    with pytest.raises(httpx2.ReadTimeout, match=r"no complete reply within 0\.2 s"):
        get(scripted_llm, seconds=0.2)


def test_whoever_is_asked_before_may_refuse(scripted_llm):
    def refuse(request):
        raise PermissionError(request.method)

    with pytest.raises(PermissionError, match="GET"):
        get(scripted_llm, before=refuse)
    assert scripted_llm.gets == []


def test_a_redirect_is_returned_as_it_is(scripted_llm, reply):
    elsewhere = {"Location": f"{scripted_llm.url}/elsewhere"}
    scripted_llm.models = lambda _asked: reply(status=307, body=b"", headers=elsewhere)
    assert get(scripted_llm).status_code == 307
    assert scripted_llm.gets == ["/v1/models"]
