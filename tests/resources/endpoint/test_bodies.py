import json

import pytest

from ftm_resources.endpoint import bodies


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff\xfe", b"[" * 200_000], ids=["empty", "html", "bytes", "deep"]
)
def test_a_body_that_is_no_json_is_its_text(body):
    assert bodies.content(body) == body.decode(errors="replace")


def test_a_body_of_json_is_its_value():
    assert bodies.content(json.dumps({"data": [1]}).encode()) == {"data": [1]}


def test_models_of_another_shape_are_left_out_and_odd_contexts_unknown():
    rows = [{"id": "a", "max_model_len": 2**31}, {"id": "b", "max_model_len": True}, {"id": 3}, None]
    assert bodies.models({"data": rows}) == {"a": (None, ""), "b": (None, "")}
    assert bodies.models("text") == bodies.models({"data": None}) == {}
