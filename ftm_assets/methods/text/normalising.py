"""Normalising: the text of a turn as every method reads it, beside the text as the source delivered it.

Belongs here: the one place that decides about entities, tags, encodings, blanks, line breaks and quotation marks. It
runs once, on whole transcripts, before anything judges a text. Transcribers' marks are in `transcribers_marks`,
capitals in `capitals`.

Decisions that others rely on: apostrophes and quotation marks are straight; letters are composed (NFC), and full-width
letters and digits and ligatures are plain; blanks are single; a line break is a boundary between sentences, written as
a blank line (two line feeds), and the text has no other; a text without a letter or digit is empty.
"""

from __future__ import annotations

import html
import re
import unicodedata
from html.entities import name2codepoint

import pyarrow as pa
import pyarrow.compute as pc

from ftm_assets.methods.text.capitals import in_sentence_case
from ftm_assets.methods.text.transcribers_marks import without_marks

BOUNDARY = "\n\n"
"""What separates paragraphs and the items of a list in a normalised text."""

# RE2: what a normalised text cannot contain, or what needs a closer look. Other texts are kept as they are; where a
# vendor delivers plain ASCII, that is most of them.
_SUSPECT = r"[^\x20-\x7e…€£é–—]|  |^ | $|[&<`\\]|[\[({*] ?[0-9A-Za-z]|^[^0-9A-Za-z]*$"
# What a word processor adds: if there is nothing else outside ASCII, Arrow replaces it, many times faster than `re`.
_BEYOND_TYPOGRAPHY = r"[^\x20-\x7e\t\n…€£–—‘’“”\x{a0}\x{2000}-\x{200a}\x{202f}\x{3000}]"
_TYPOGRAPHY = (("[‘’]", "'"), ("[“”]", '"'), (r"[\t \x{a0}\x{2000}-\x{200a}\x{202f}\x{3000}]+", " "))
NAMES = ("companyname", "transcriptpersonname", "headline")
"""Columns of COMPONENTS that are normalised beside the text."""

_ROUNDS = 12
"""A text is worked on until it no longer changes; nothing real needs more than three rounds."""

_NAMES = "|".join(sorted({*name2codepoint, "apos"}, key=len, reverse=True))
_ESCAPED_AMPERSAND = re.compile(r"&(?:(?:amp|#0{0,5}38|#[xX]0{0,4}26);)+")
_ENTITY = re.compile(
    rf"&(?:#[0-9]{{1,7}}(?:;|(?!\d))|#[xX][0-9a-fA-F]{{1,6}};|(?:{_NAMES});|(?:nbsp|quot|apos|amp|lt|gt)(?![\w;=]))"
)
# Escapes of JSON and of programs that write a field on one line.
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(['\"])|(r?\\?n|[rt])(?![a-z]))")

_BLOCKS = (
    "p|div|li|ul|ol|tr|table|tbody|thead|h[1-6]|blockquote|section|article|header|footer|hr|dl|dt|dd|pre|body|html"
    "|head"
)
_INLINE = (
    "a|abbr|b|big|br|center|cite|code|col|colgroup|del|em|font|i|img|ins|label|link|mark|meta|nobr|q|s|script|small|span"
    "|strike|strong|style|sub|sup|td|th|title|tt|u|wbr"
)
_ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=]+))*"""
_TAG = re.compile(rf"<!--[^<>]*-->|</?(?P<name>{_BLOCKS}|{_INLINE}){_ATTRIBUTES}\s*/?>", re.IGNORECASE)
_IS_BLOCK = re.compile(_BLOCKS, re.IGNORECASE)

# Every character outside ASCII that misread UTF-8 begins with is a letter or a sign that is not among these.
_MAYBE_MISREAD = re.compile(r"[^\x00-\x7f’‘“”–—…€£•®™°\xa0\u2000-\u200b\u202f\u3000\ufeff]")
# What misread UTF-8 mostly is; the rest is left to ftfy, which takes its time.
_MISREAD = {
    "â€™": "’",
    "â€˜": "‘",
    "â€œ": "“",
    "â€\u201c": "–",
    "â€\u201d": "—",
    "â€¦": "…",
    "â€¢": "•",
    "Â\xa0": " ",
    "Â£": "£",
}
_MISREAD_OFTEN = re.compile("|".join(_MISREAD))
# The third byte of a closing quotation mark has no character in Windows-1252, and is lost on the way.
_HALF_QUOTE = re.compile(r"â€(?=[\s.,;:!?)]|\Z)")
_C1 = re.compile(r"[\x80-\x9f]")
_LOST_APOSTROPHE = re.compile(r"(?<=[A-Za-z])\ufffd(?=(?:t|s|re|ve|ll|d|m)\b)")
_VARIANTS = {
    **dict.fromkeys("‘’‛ʼ＇ʹ", "'"),
    **dict.fromkeys("“”„‟＂", '"'),
    **dict.fromkeys("‐‑‒⁃−﹣－", "-"),
    **dict.fromkeys("\uf0b7\uf0a7\uf0d8\uf0fc\uf076●▪‣∙■➢➤", "•"),
    **{chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)},
    **{c: unicodedata.normalize("NFKC", c) for c in map(chr, range(0xFF10, 0xFF5B)) if c.isalnum()},
    **{c: unicodedata.normalize("NFKC", c) for c in "％＄＆"},
}
_VARIANT = re.compile("[" + re.escape("".join(_VARIANTS)) + "]")
_STRAY_APOSTROPHE = re.compile(r"(?<=[^\W\d_])[`´′](?=[^\W\d_])")

_NEW_LINE = re.compile(r"\r\n?|[\x0b\x0c\u2028]")
_HYPHENATED = re.compile(r"\u00ad\s*\n\s*")
_INVISIBLE_CHARACTERS = (
    r"\x00-\x08\x0e-\x1b\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e007f"
)
# Between two words, these are what is left of a blank: "not" and "grow" must not become one word. Only in Latin
# letters: other scripts use them within words.
_IN_PLACE_OF_BLANK = re.compile(
    r"(?<=[A-Za-z\u00c0-\u024f.,;:!?])[\u200b\u2060\ufeff]+(?=[A-Za-z\u00c0-\u024f])"
)
_INVISIBLE = re.compile(f"[{_INVISIBLE_CHARACTERS}]+")
_UNPRINTABLE = re.compile(rf"[\r\x0b\x0c\u2028\u2029{_INVISIBLE_CHARACTERS}]")
# Joiners belong to the spelling of some scripts, never of Latin.
_JOINERS = re.compile("[\u200c\u200d]")
_JOINERS_OF_LATIN = re.compile("(?<=[\x00-\u024f])[\u200c\u200d]+|[\u200c\u200d]+(?=[\x00-\u024f])")
_BLANKS = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
_AROUND_LINE = re.compile(r" ?\n ?")

_BRACKET = re.compile(r"[\[({<*（［【]")
_ITEM_SIGN = re.compile(r"[-–—*·] ")
_ITEM_NUMBER = re.compile(r"\(?(\d{1,2}|[A-Za-z])[.)] ")
# From the first blank on: tried at each one, a long run of blanks would take quadratic time.
_BULLET = re.compile(r"(?<!\s)\s*+•[\s•]*+")
_IDEOGRAPH = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
_CUT_AT_HYPHEN = re.compile(r"([^\W_]+)-\Z")
_FIRST_WORD = re.compile(r"([^\W_]+)(-?)")
# A hyphen at a line's end belongs to a compound ("forward-looking"), unless the speaker broke off ("admini- the"): then
# the next word is one of these, or the cut word is too short, or the next has a capital that the cut one has not.
_SPEAKS_ON_TEXT = """
    a all an and are as at but can for from he i if in is it like me my no not of on or our she so that the
    their then there these they this those to uh um us was we well were what when which who will with would
    yeah yes you your
    """
_SPEAKS_ON = frozenset(_SPEAKS_ON_TEXT.split())
_PREFIXES_TEXT = """
    anti co de e ex inter intra mid non on pan post pre pro re sub t trans un up x
    """
_PREFIXES = frozenset(_PREFIXES_TEXT.split())


def normalise(components: pa.Table) -> pa.Table:
    """Return the rows with `componenttext` normalised, and the original text in a new column, `verbatim`.

    Names of firms and people, and headlines, are normalised too, each on one line. Normalising twice
    changes nothing further. Nothing with letters or digits is lost, apart from tags and transcribers' marks.

    Parameters
    ----------
    components : pyarrow.Table
        Whole transcripts in the schema COMPONENTS, in any order: capitals are judged by transcript.

    Returns
    -------
    pyarrow.Table
        The same rows in the same order. A turn without a letter or digit, or of nothing but marks, has the text "".

    """
    verbatim = components["componenttext"].combine_chunks()
    text = _of_chunk(verbatim)
    typography = pc.and_not(_matches(text, _SUSPECT), _matches(text, _BEYOND_TYPOGRAPHY))
    text = pc.replace_with_mask(text, typography, _with_plain_typography(text.filter(typography)))
    suspect = _matches(text, _SUSPECT)
    mended = [normalised(t) for t in text.filter(suspect).to_pylist()]
    text = pc.replace_with_mask(text, suspect, pa.array(mended, pa.string()))
    for column in NAMES:
        place = components.schema.get_field_index(column)
        names = _normal_names(components[column].combine_chunks())
        components = components.set_column(place, components.field(place), names)
    text = in_sentence_case(components, text)
    place = components.schema.get_field_index("componenttext")
    return components.set_column(place, components.field(place), text).append_column(
        pa.field("verbatim", pa.string(), nullable=False), verbatim
    )


def _normal_names(names: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return names normalised; one that has no letter or digit is kept as it is."""
    found = _of_chunk(names).dictionary_encode()
    normal = [name and (" ".join(normalised(name).split()) or name) for name in found.dictionary.to_pylist()]
    return pa.array(normal, pa.string()).take(found.indices)


def _matches(text: pa.Array, pattern: str) -> pa.Array:
    return pc.match_substring_regex(text, pattern=pattern)


def _with_plain_typography(text: pa.Array) -> pa.Array:
    for pattern, replacement in _TYPOGRAPHY:
        text = pc.replace_substring_regex(text, pattern=pattern, replacement=replacement)
    return pc.utf8_trim(text, characters=" ")


def _of_chunk(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return one array, also where pyarrow keeps an empty column as chunks."""
    return (
        array
        if isinstance(array, pa.Array)
        else pa.concat_arrays(array.chunks or [pa.array([], pa.string())])
    )


def normalised(text: str) -> str:
    r"""Return one text normalised in all but its capitals.

    >>> normalised("Margins didn&#39;t  fall.\r\n\r\n[Operator Instructions]")
    "Margins didn't fall."
    """
    for _ in range(_ROUNDS):
        before = text
        text = _once(text)
        if text == before:
            break
    return text


def _once(text: str) -> str:
    if "\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    if "&" in text:
        text = _ENTITY.sub(_entity, _ESCAPED_AMPERSAND.sub("&", text))
    if "<" in text:
        text = _TAG.sub(_in_place_of_tag, text)
    if not text.isascii():
        text = _plain_characters(text)
    if "`" in text or "´" in text or "′" in text:
        text = _STRAY_APOSTROPHE.sub("'", text)
    if _UNPRINTABLE.search(text):
        text = _NEW_LINE.sub("\n", text).replace("\u2029", BOUNDARY)
        text = _IN_PLACE_OF_BLANK.sub(" ", _HYPHENATED.sub("", text))
        text = _INVISIBLE.sub("", text)
    if _JOINERS.search(text):
        text = _JOINERS_OF_LATIN.sub("", text)
    text = _BLANKS.sub(" ", text)
    if "\n" in text or "•" in text:
        text = _paragraphs(text)
    if _BRACKET.search(text):
        text = without_marks(text)
    if "\n" in text:
        text = BOUNDARY.join(kept for p in text.split("\n") if (kept := p.strip()) and _has_word(kept))
    text = text.strip()
    return text if _has_word(text) else ""


def _has_word(text: str) -> bool:
    return any(map(str.isalnum, text))


def _unescaped(match: re.Match[str]) -> str:
    code, quote, sign = match.groups()
    if code:
        character = chr(int(code, 16))
        return match[0] if "\ud800" <= character <= "\udfff" else character
    return quote or (" " if sign == "t" else "\n")


def _entity(match: re.Match[str]) -> str:
    reference = match[0] if match[0].endswith(";") else match[0] + ";"
    return html.unescape(reference)


def _in_place_of_tag(match: re.Match[str]) -> str:
    name = (match["name"] or "").lower()
    if _IS_BLOCK.fullmatch(name):
        return BOUNDARY
    if name == "br":
        return "\n"
    return " " if name in {"td", "th"} else ""


def _plain_characters(text: str) -> str:
    """Return `text` in the encoding that was meant, composed, with one form of quotation marks, hyphens and bullets."""
    from ftfy import fix_encoding
    from ftfy.fixes import fix_c1_controls

    text = _MISREAD_OFTEN.sub(lambda m: _MISREAD[m[0]], text)
    if _MAYBE_MISREAD.search(text):
        text = fix_encoding(_HALF_QUOTE.sub("”", text))
    if _C1.search(text):
        text = fix_c1_controls(text)
    text = unicodedata.normalize("NFC", text)
    text = _VARIANT.sub(lambda m: _VARIANTS[m[0]], text)
    return _LOST_APOSTROPHE.sub("'", text)


def _paragraphs(text: str) -> str:
    """Return `text` with wrapped lines joined; paragraphs and the items of lists are separated by BOUNDARY."""
    text = _BULLET.sub(BOUNDARY, _AROUND_LINE.sub("\n", text))
    paragraphs = [p.split("\n") for p in re.split(r"\n{2,}", text.strip("\n"))]
    lines = [line for paragraph in paragraphs for line in paragraph]
    begins = _items(lines) if len(lines) > len(paragraphs) else [False] * len(lines)
    parts: list[str] = []
    at = 0
    for paragraph in paragraphs:
        begins[at] = True
        at += len(paragraph)
    for line, new in zip(lines, begins, strict=True):
        parts.append(BOUNDARY if new else _between(parts[-1], line))
        parts.append(line)
    return "".join(parts[1:])


def _items(lines: list[str]) -> list[bool]:
    """Return whether each line begins an item of a list.

    A sign (a dash, an asterisk) or a number counts only in company: a wrapped line may begin with either. Of numbers,
    the next must be one higher.
    """
    items = [False] * len(lines)
    signs: dict[str, list[int]] = {}
    last: tuple[int, int] | None = None
    for i, line in enumerate(lines):
        if _ITEM_SIGN.match(line):
            signs.setdefault(line[0], []).append(i)
        elif found := _ITEM_NUMBER.match(line):
            number = int(found[1]) if found[1].isdigit() else ord(found[1].lower())
            if last and number == last[1] + 1:
                items[last[0]] = items[i] = True
            last = i, number
    for places in signs.values():
        for i in places:
            items[i] = len(places) > 1 or lines[i - 1].endswith(":")
    return items


def _between(line: str, following: str) -> str:
    """Return what belongs between a wrapped line and the one that continues it."""
    if _IDEOGRAPH.match(line[-1:]) and _IDEOGRAPH.match(following):
        return ""
    cut, word = _CUT_AT_HYPHEN.search(line), _FIRST_WORD.match(following)
    if not cut or not word:
        return " "
    first, hyphen = word.groups()
    known = cut[1].lower() in _PREFIXES
    broken_off = (
        first.lower().startswith(cut[1].lower())  # "re- resold"
        or (first.lower() in _SPEAKS_ON and not hyphen)
        or (
            not known
            and cut[1].isalpha()
            and (len(cut[1]) < 3 or (first[0].isupper() and not cut[1][0].isupper()))
        )
    )
    return " " if broken_off else ""
