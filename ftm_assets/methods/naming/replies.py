"""Parsing a model's reply: the JSON object in it, checked by the rules for names and summaries.

Every reply must pass the same rules, so instructions hidden in transcripts gain nothing. Parsing takes time linear in
the length of the reply.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ftm_assets.methods.naming.rules import Digest, NamingError, check_name, check_summary

MAX_FIELD_CHARACTERS = 4000
"""A longer name or summary is truncated before it is checked."""

MAX_OBJECTS = 50
"""Only the last so many opening braces of a reply are tried as the start of a JSON object."""

_THINK = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)

# Qwen3's template may open the thinking block itself; the reply then begins inside it.
_THOUGHT_BEFORE = re.compile(r"\A.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)

_OBJECT = re.compile(r'\{(?=\s*["}])')

# Phrases that occur only in the prompt.
_ECHO = re.compile(
    r"\bjson object\b|\breply with\b|\bnoun phrase\b|\bdata tags?\b|\bname this (?:topic|theme)\b|"
    r"^(?:keywords?|sentences?)\b\W*$",
    re.IGNORECASE,
)

_LABEL = re.compile(r"\A\W*(?:(?:topic|theme) )?(?:name|title|summary)\W*:\s*", re.IGNORECASE)


def parse_reply(text: str, digest: Digest) -> tuple[str, str]:
    """Return (name, summary) from a model's reply. Raises NamingError, saying what to correct, if they are unusable.

    Thinking, code fences and prose around the JSON object are ignored.
    """
    found = json_objects(text)
    if not found:
        raise NamingError("the reply holds no complete JSON object with name and summary")
    reply = next((f for f in reversed(found) if "name" in f), found[-1])
    fields = []
    for field in ("name", "summary"):
        value = reply.get(field)
        if not isinstance(value, str):
            raise NamingError(f"the JSON object must have a string {field!r}")
        fields.append(_LABEL.sub("", value[:MAX_FIELD_CHARACTERS]))
        if _ECHO.search(fields[-1]):
            raise NamingError(f"the {field} repeats the instructions instead of describing the data")
    return check_name(fields[0], digest.exclude), check_summary(fields[1])


def json_objects(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects in a reply, in order, also those inside one that is not complete.

    What a model thought before it answered does not count.
    """
    text = _THINK.sub("", _THOUGHT_BEFORE.sub("", text))
    decoder = json.JSONDecoder(strict=False)  # raw line breaks in strings are a common mistake
    found: list[dict[str, Any]] = []
    end = 0
    for start in [m.start() for m in _OBJECT.finditer(text)][-MAX_OBJECTS:]:
        if start < end:
            continue  # inside the previous object
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        found.append(value)
    return found
