"""The page as a file: one whole, the same each time, with nothing in it that its data could break."""

import base64
import gzip
import hashlib
import html
import json
import re
from dataclasses import replace

import pytest

from ftm_assets.report import page as page_module
from ftm_assets.report.page import render
from ftm_assets.report.payload import Report


def element(page: str, pattern: str) -> str:
    return re.search(pattern, page, re.DOTALL)[1]


def test_it_is_whole_and_the_same_each_time(made_report: Report):
    page = render(made_report)
    assert page == render(made_report)
    assert page.startswith("<!doctype html>")
    assert "{{" not in page.partition("<style>")[0]
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_the_policy_allows_this_script_and_style_alone(made_report: Report):
    page = render(made_report)
    policy = html.unescape(element(page, r'http-equiv="Content-Security-Policy" content="([^"]*)"'))
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    for name, pattern in (("script-src", r"<script>(.*?)</script>"), ("style-src", r"<style>(.*?)</style>")):
        digest = base64.b64encode(hashlib.sha256(element(page, pattern).encode()).digest()).decode()
        assert directives[name] == f"'sha256-{digest}'"
    assert directives["default-src"] == "'none'"


def test_values_in_it_can_end_neither_element_nor_line(made_report: Report):
    values = element(render(made_report), r'<script type="application/json" id="report">(.*?)</script>')
    assert not re.search("[<>&\u2028\u2029]", values)
    assert json.loads(values)["points"]["name"][0] == made_report.points.name[0]


def test_many_values_are_compressed(made_report: Report, monkeypatch: pytest.MonkeyPatch):
    plain = json.loads(element(render(made_report), r'id="report">(.*?)</script>'))
    monkeypatch.setattr(page_module, "_PLAIN_UP_TO", 0)
    packed = element(render(made_report), r'<script type="application/gzip" id="report">(.*?)</script>')
    assert json.loads(gzip.decompress(base64.b64decode(packed))) == plain


def test_small_numbers_keep_their_digits(made_report: Report):
    theme = made_report.themes[0]
    part = replace(theme.firms[0], moves=-0.00004321)
    small = replace(theme, attention=0.00031234, firms=(part, *theme.firms[1:]))
    page = render(replace(made_report, themes=(small, *made_report.themes[1:])))
    values = json.loads(element(page, r'id="report">(.*?)</script>'))
    assert values["themes"][0]["attention"] == 0.0003123
    assert values["themes"][0]["firms"][0][-1] == -0.00004321
    assert values["measures"][-1]["value"] == made_report.measures[-1].value


def test_a_number_that_json_does_not_know_is_an_error(made_report: Report):
    broken = replace(made_report.firms[0], score=float("nan"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        render(replace(made_report, firms=(broken, *made_report.firms[1:])))


def test_every_file_of_the_template_is_in_the_page_and_short_enough_to_read():
    scripts = {file.name for file in page_module._TEMPLATE.glob("*.js")}
    assert scripts == set(page_module._SCRIPTS)
    for file in page_module._TEMPLATE.iterdir():
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 420, file.name
        assert "\u2028" not in file.read_text(encoding="utf-8")
