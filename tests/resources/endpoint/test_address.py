"""Addresses of endpoints: what is one, which host it names, and what is shown of it."""

import pytest

from ftm_resources.endpoint import address


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:port/v1",
        "http://[::1/v1",
        "http://127.0.0.1:99999/v1",
        "http://x\ny/v1",
        "http://a b/v1",
        "127.0.0.1:8000/v1",
        "ftp://x/v1",
        "http:///v1",
        "http://good\uff0ecom/v1",
        "https://good.example\\@127.0.0.1/v1",
        "sk-verysecret-0123456789",
        "",
    ],
)
def test_what_is_no_address_has_a_fault_that_does_not_quote_it_and_no_origin(url: str):
    fault = address.fault(url)
    assert fault
    assert not url or url not in fault
    assert address.origin(url) is None


@pytest.mark.parametrize(
    "url", ["http://[::1]:8000/v1", "HTTPS://GOOD.example/v1", "http://u:p@h:1/v1", "http://h"]
)
def test_addresses_of_servers_have_no_fault(url: str):
    assert address.fault(url) == ""


def test_an_origin_is_scheme_host_and_port_however_written():
    assert address.origin("HTTPS://GOOD.example/v1") == address.origin("https://good.example:443/other")
    assert address.origin("http://good.example/v1") != address.origin("https://good.example/v1")
    assert address.origin("https://good.example@evil.example/v1") == ("https", "evil.example", 443)


def test_credentials_and_query_are_not_shown():
    assert address.shown("https://user:hunter2@host:8000/v1?key=hunter2") == "https://host:8000/v1"
