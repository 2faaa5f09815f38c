"""Capitals: sentence case for transcripts that were typed in capitals, as most were before 2008.

Belongs here: how such a transcript is recognised, and which words keep or get capitals. What the transcript itself
says of names (its people, its firm, its ticker) comes first; then acronyms, places, months and first names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ftm_assets.methods.text.firm_names import COMMON_INITIALS, CONNECTORS, KINDS_OF_FIRM, LEGAL_FORMS, PLACES
from ftm_assets.methods.text.tokens import is_hesitation
from ftm_assets.methods.text.word_lists import (
    EMPTY_WORDS,
    MONTHS_AND_DAYS,
    STOP_EXACT,
    STOP_INFLECTED,
    WEAK_INFLECTED,
)

if TYPE_CHECKING:
    import numpy.typing as npt

FEWEST_LETTERS = 200
"""Fewer letters, of a transcript or of a turn, are too few to judge by."""

SHOUTING_SHARE = 0.85
"""A text with a larger share of capitals among its letters (A to Z) was typed in capitals. Real turns of 200 letters
in mixed case, full of acronyms, reach 0.2."""

TURN_SHARE = 0.5
"""In a transcript typed in capitals, a turn with a smaller share was not."""

_FIRM_FORMS = CONNECTORS | LEGAL_FORMS | KINDS_OF_FIRM
_ORDINARY_INITIALS_TEXT = """
    a ad am an ap ar as at by cad do go i if in is it la led ma me mid ml my no of on op or pa pc pos pro so
    tam tax up us we who
    """
_ORDINARY_INITIALS = frozenset(_ORDINARY_INITIALS_TEXT.split())
_MORE_ACRONYMS = """
    abs covid adr afs amt anda bdc bla bofa btu capm ccar cecl clo cmbs cmo coo cpap dac dau dcf dram ebit
    ebitda ebitdar ebitdax ecb eia emea epa erisa etf fasb fdic ferc ffo fha fico fomc fpso ftc hbm hipaa
    hmo hud iaas ifrs ira isp itar jv kpi laas lcd libor lifo mau moic mou mri msr nafta nand nasa nda noi
    nols nopat nyse oecd oem oled opec osha otc paas ppa qsr reit rfid rmb roa roce roi roic saas sofr ssd
    tcf teu tsa uae ubs usda usmca voc wacc wip wti yoy asu asr
    """
ACRONYMS = frozenset(COMMON_INITIALS) - _ORDINARY_INITIALS | frozenset(_MORE_ACRONYMS.split())
"""Words that are always capitals, in lower case. A word without a vowel is taken for one too."""

_TITLES = frozenset({"mr", "mrs", "ms", "dr"})
_NO_ACRONYMS_TEXT = """
    mr mrs ms dr jr sr st vs vp's th nd rd hmm mm shh psst ltd bps cf pct mgmt qtr ft lbs hrs etc
    """
_NO_ACRONYMS = frozenset(_NO_ACRONYMS_TEXT.split())
_WRITTEN = {
    "bps": "bps", "capex": "CapEx", "opex": "OpEx", "phd": "PhD", "mrna": "mRNA", "wifi": "WiFi", "iphone": "iPhone",
    "ipad": "iPad", "linkedin": "LinkedIn", "youtube": "YouTube",
}  # fmt: skip

_MORE_PLACES = """
    alberta american americans americas amsterdam argentina asia asian atlantic austin austria bangladesh
    barcelona beijing belgium berlin brazilian britain british calgary california canada canadian caribbean
    chile china chinese colombia copenhagen cuba denmark dubai dutch ecuador egypt emea england english
    europe european europeans finland france frankfurt french geneva german germany ghana greece hungary
    india indian indonesia iran iraq irish israeli italian italy japan japanese kenya korean kuwait london
    madrid malaysia manhattan manila massachusetts melbourne mexican mexico midwest milan minneapolis
    montreal morocco moscow mumbai munich netherlands nigeria nordic norway oslo ottawa pacific pakistan
    panama paris peru philippines poland polish portugal prague quebec romania rome russian scandinavia
    scotland shanghai shenzhen singapore spanish stockholm sydney syria texan thailand tokyo toronto turkey
    ukraine vancouver venezuela vienna vietnam wales warsaw zurich
    """
_PHRASES = """
    new york|new jersey|new mexico|new hampshire|new england|new zealand|new orleans|hong kong
    |north america|south america|latin america|north american|latin american|central america
    |middle east|united states|united kingdom|wall street|los angeles|san francisco|san diego
    |san antonio|saudi arabia|puerto rico|south korea|south africa|north carolina|south carolina
    |north dakota|south dakota|west virginia|rhode island|silicon valley|new year|morgan stanley
    |goldman sachs|credit suisse|deutsche bank|merrill lynch|bear stearns|lehman brothers
    |bank of america|wells fargo|raymond james|piper jaffray|jp morgan|banc of america|smith barney
    |salomon smith barney|first boston|prudential securities|robert w baird|william blair|oppenheimer
    |jefferies|cowen|stifel|citigroup|barclays|keybanc
    """
_FIRST_NAMES = """
    aaron adam adrian alan albert alex alexander alice allen amanda amy andrea andrew andy angela ann anna
    anne anthony antonio barbara ben benjamin bernard beth betsy bob bobby brad bradley brandon brenda
    brendan brent brett brian bruce bryan carl carlos carol caroline catherine cathy charles charlie chris
    christian christina christine christopher cindy colin craig curtis cynthia dan daniel darren dave david
    dean deborah debra dennis derek diana diane don donald donna doug douglas ed eddie edward edwin
    elizabeth ellen emily eric erik erin eugene evan fred frederick gary gavin geoff george gerald glenn
    gordon greg gregory harry heather helen henry howard hugh ian jack jacob james jamie jane janet jason
    jay jeff jeffrey jennifer jeremy jerry jessica jim jimmy joan joe joel john jon jonathan jose joseph
    josh joshua joyce juan judy julia julian julie justin karen karl kate katherine kathleen kathryn kathy
    katie keith kelly ken kenneth kevin kim kyle larry laura lauren lawrence lee leo leonard leslie linda
    lisa lori louis luke lynn marc marcus margaret maria marie mario martha martin marty mary matt matthew
    megan melissa michael michelle mike mitch nancy nathan neal neil nicholas nick nicole nigel oliver oscar
    pam pamela patricia patrick paul paula peggy pete peter phil philip rachel ralph randy raymond rebecca
    richard rick rob robert roberto robin rod roger ron ronald ross russell ryan sally sam samantha samuel
    sandra sandy sarah scott sean sharon shawn sheila simon stacy stan stanley stephanie stephen steve
    steven stuart susan suzanne ted teresa terry thomas tim timothy tina todd tom tony tracy trevor valerie
    victor vincent virginia walter warren wayne wendy william zach
    """
_MONTHS = MONTHS_AND_DAYS - {"may", "march"}
_UNSURE_NAMES = frozenset(
    {"us", "uk", "turkey", "jersey", "dean", "jay", "rod", "robin", "don", "polish", "victor"}
)
PLACES_AND_PEOPLES = PLACES | frozenset(_MORE_PLACES.split())
"""Places and their inhabitants, in lower case: names of one word."""

_PLAIN_NAMES = (
    _MONTHS
    | PLACES_AND_PEOPLES
    | frozenset(f"{_FIRST_NAMES} christmas thanksgiving easter halloween".split())
) - _UNSURE_NAMES
_COMMON_NAMES_TEXT = """
    art ball banks bell best bill bird black blue bob brook brooks brown bush call cash chance chase chip
    church clay cole cook cost cross day dean don drew duke early fair faith field fish ford fox frank free
    gold grace grant gray green gross hall hand hardy harsh hill hope house hunt jay joy judge keen key king
    knight lane law little long love low march mark marks may miles mill mills moody more neat noble page
    park parks pat peak pool pope post power powers price quick ray read rich ring rob robin rock rod rose
    rush sage sales short small snow speed spring star stark steel stone strong sue summers swift underwood
    wall ward waters way weeks wells west white will wise wolf wood woods work worth young
    """
_COMMON_NAMES = frozenset(_COMMON_NAMES_TEXT.split())
"""Names of people that are also words: names only next to another name, or where someone is addressed."""

_NAME = re.compile(r"[^\W\d_][\w&'’.]*[^\W_]|\w")
_TOKEN = re.compile(r"[^\W_]+(?:[&'.’+/][^\W_]+)*\.?")
# A word that breaks off ("SH- SHOP") is no acronym.
_BROKEN_OFF = re.compile(r"\b[A-Z]{1,3}-+(?=[\s,])")
_WITH_TITLE = re.compile(r"\b((?:Mrs?|Ms|Dr)\. )([^\W\d_A-Z][\w']+)")
_ADDRESSED = re.compile(
    r"\b(?:thanks|thank you|good (?:morning|afternoon|evening)|hi|hello|hey|this is|go ahead),?"
    r" (?P<name>[^\W\d_A-Z][\w']+)(?P<more> [^\W\d_A-Z][\w']+)?(?=[,.?!]|\Z|(?P<on> from| with| on| for))"
)
_NEVER_ADDRESSED = EMPTY_WORDS | STOP_EXACT | STOP_INFLECTED | WEAK_INFLECTED | {"management"}
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]?\.?")
_DIGITS = re.compile(r"(\d+)(st|nd|rd|th|s)", re.IGNORECASE)
_MC = re.compile(r"(mc|o['’])(\w)(\w+)")
_FORM = re.compile(r"\b(?:10-?[kq]|8-?k|20-?f|6-?k|s-?1)\b", re.IGNORECASE)
_BEFORE_MONTHS = (
    "in|of|since|by|from|through|until|till|last|next|early|late|this|during|to|and|mid|before|after"
)
_MAY = re.compile(
    rf"\b(?:{_BEFORE_MONTHS}|april) (may)\b(?! (?:be|have|not|or|also))"
    rf"|\b(may|march) (?=\d)|\b(?:{_BEFORE_MONTHS}|february|end|ended) (march)\b"
)
_THE_US = re.compile(r"\b(?:the|across|outside|in|within|and|from|non) us\b(?=[ .,;:?!)'-])(?<! to us)")
_I = re.compile(r"(?<![^\W_])i(?=['’](?:m|ll|ve|d|s)\b|(?![^\W_'’.&-]))")
_BEFORE_NAMES = re.compile(
    r"(?:\b(?:thanks|thank you|hi|hello|hey|morning|afternoon|evening|mr\.?|ms\.?|mrs\.?|dr\.?|okay|sure|yes|yeah|so"
    r"|well|and|to|with|from|you|for|welcome),?|,) $",
    re.IGNORECASE,
)
_AFTER_NAMES = re.compile(r"[,.?!]|$")
_NOT_ENDING_TEXT = """
    mr mrs ms dr st vs inc corp co cos ltd jr sr approx incl excl avg messrs prof sen rep gen gov est dept
    e.g i.e
    """
_NOT_ENDING = frozenset(_NOT_ENDING_TEXT.split())
# After an abbreviation these begin a sentence. Not "and" or a preposition: "in the U.S. and Canada" is more frequent.
_STARTERS = re.compile(
    r"(?:but|so|um|uh|we|the|this|that|it|our|if|you|yeah|then|they|there|now|however|i|what|how)\b",
    re.IGNORECASE,
)
# From the first full stop on: tried at each one, a line of dots would take quadratic time.
_SENTENCE = re.compile(r"""(?:^|(?P<end>(?<![.?!])[.?!]++|…)["')]*\s+|\n+)["'(]*(?P<first>[^\W\d_])""")
_LAST_WORD = re.compile(r"[^\s(\[\"']*\Z")


def in_sentence_case(components: pa.Table, texts: pa.Array) -> pa.Array:
    """Return the texts of whole transcripts with those typed in capitals in sentence case, the others as they are.

    Parameters
    ----------
    components : pyarrow.Table
        Rows in the schema COMPONENTS.
    texts : pyarrow.Array of string
        Their texts, normalised in all but capitals.

    Returns
    -------
    pyarrow.Array of string
        One text per row, in the same order.

    """
    upper, lower = _letters(texts)
    letters = upper + lower
    transcript = components["transcriptid"].combine_chunks().dictionary_encode()
    transcript = transcript if isinstance(transcript, pa.Array) else transcript.combine_chunks()
    code = transcript.indices.to_numpy()
    n_upper, n_letters = np.bincount(code, upper), np.bincount(code, letters)
    shouting = (n_letters >= FEWEST_LETTERS) & (n_upper > SHOUTING_SHARE * n_letters)
    in_capitals = (shouting[code] & (upper > TURN_SHARE * letters)) | (
        (letters >= FEWEST_LETTERS) & (upper > SHOUTING_SHARE * letters)
    )
    rows = np.flatnonzero(in_capitals)
    if not len(rows):
        return texts
    names = _names_of(components, code, set(code[rows].tolist()))
    shouted = texts.take(pa.array(rows)).to_pylist()
    cased = [sentence_case(t, names[c]) for t, c in zip(shouted, code[rows].tolist(), strict=True)]
    result = texts.to_pylist()
    for row, text in zip(rows.tolist(), cased, strict=True):
        result[row] = text
    return pa.array(result, pa.string())


def sentence_case(text: str, names: dict[str, str] | None = None) -> str:
    """Return a text typed in capitals in sentence case; `names` gives the written form of words in lower case.

    >>> sentence_case("THANKS, BRIAN. EBITDA ROSE IN THE U.S. AND I'M PLEASED WITH Q1.")
    "Thanks, Brian. EBITDA rose in the U.S. and I'm pleased with Q1."
    """
    names = names or {}
    lowered = _BROKEN_OFF.sub(lambda m: m[0].lower(), text)
    lowered = _TOKEN.sub(lambda m: _cased(m[0], names), lowered)
    lowered = _WITH_TITLE.sub(lambda m: m[1] + _titled(m[2]), lowered)
    lowered = _ADDRESSED.sub(_addressed, lowered)
    lowered = _FORM.sub(lambda m: m[0].upper(), lowered)
    lowered = _PHRASE.sub(lambda m: m[0].title().replace(" Of ", " of "), lowered)
    lowered = _MAY.sub(lambda m: m[0].replace("may", "May").replace("march", "March"), lowered)
    lowered = _THE_US.sub(lambda m: m[0][:-2] + "US", lowered)
    lowered = _I.sub("I", lowered)
    lowered = _people(lowered, names)
    return _SENTENCE.sub(_capital, lowered)


_PHRASE = re.compile(rf"\b(?:{'|'.join(p.strip() for p in _PHRASES.split('|'))})\b")


def _letters(texts: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return for each text the number of its capitals and of its small letters, A to Z."""
    n = len(texts)
    if not n:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + n + 1]
    first = int(bounds[0])
    letters = np.frombuffer(data, np.uint8)[first : int(bounds[-1])] if data else np.zeros(0, np.uint8)
    counts = []
    for a, z in ((65, 90), (97, 122)):
        # Running totals of the places of letters: no memory for each byte beyond a bit.
        places = np.flatnonzero((letters >= a) & (letters <= z))
        counts.append(np.diff(np.searchsorted(places, bounds - first)))
    return counts[0], counts[1]


def _names_of(
    components: pa.Table, code: npt.NDArray[np.int32], wanted: set[int]
) -> dict[int, dict[str, str]]:
    """Return the written forms of the words in the names of each wanted transcript's people, firm and ticker."""
    names: dict[int, dict[str, str]] = defaultdict(dict)
    columns = [components[c].to_pylist() for c in ("transcriptpersonname", "companyname", "ticker")]
    for transcript, person, firm, ticker in zip(code.tolist(), *columns, strict=True):
        if transcript not in wanted:
            continue
        for name in (person, firm):
            for word in _NAME.findall(name or ""):
                known = names[transcript]
                written = _of_name(word)
                if known.get(word.lower()) is None and (len(word) > 1 or word.isdigit()):
                    known[word.lower()] = written
        initials = "".join(w[0] for w in _NAME.findall(firm) if w.lower().rstrip(".") not in _FIRM_FORMS)
        if (
            len(initials) > 1
            and initials.lower() not in _ORDINARY_INITIALS
            and not _is_word(initials.lower())
        ):
            names[transcript].setdefault(initials.lower(), initials.upper())
        if ticker and len(ticker) > 2:
            names[transcript].setdefault(ticker.lower(), ticker)
    for known in names.values():
        for word in (
            "of",
            "and",
            "the",
            "for",
            "de",
            "inc",
            "corp",
            "co",
            "company",
            "speaker",
            "operator",
            "unknown",
        ):
            known.pop(word, None)
    return names


def _of_name(word: str) -> str:
    """Return a word of a name as it is written, or, if it was typed in capitals, as it probably is."""
    if not word.isupper() or len(word) == 1:
        return word
    if not re.search(r"[AEIOUYaeiouy]", word) or "&" in word or word.lower() in ACRONYMS:
        return word
    return _titled(word.lower())


def _titled(word: str) -> str:
    found = _MC.fullmatch(word)
    return found[1].capitalize() + found[2].upper() + found[3] if found else word[:1].upper() + word[1:]


def _cased(token: str, names: dict[str, str]) -> str:
    """Return a token of letters, digits, apostrophes and full stops in the case that it has in mid-sentence."""
    whole = token.rstrip(".").lower()
    base = whole if whole in names else whole.partition("'")[0]
    if base in names and base not in _COMMON_NAMES and not _is_word(base):
        return names[base] + token[len(base) :].lower()
    return _word(token)


@lru_cache(maxsize=100_000)
def _word(token: str) -> str:
    """Return a token in the case that it has in mid-sentence, whatever the transcript."""
    if token.islower():
        return token
    stop = "." if token.endswith(".") else ""
    body = token[: len(token) - len(stop)]
    if _DOTTED.fullmatch(token):
        return token.lower() if body.lower() in {"a.m", "p.m", "e.g", "i.e"} else token.upper()
    if "&" in body:
        return body.upper() + stop if all(len(part) <= 3 for part in body.split("&")) else token.lower()
    base, apostrophe, ending = body.lower().partition("'")
    if base in _WRITTEN:
        base = _WRITTEN[base]
    elif base in _PLAIN_NAMES or (base in _TITLES and stop):
        base = _titled(base)
    elif not apostrophe or ending in {"s", ""}:
        base = _acronym(base)
    return base + apostrophe + ending + stop


def _acronym(word: str) -> str:
    if _DIGITS.fullmatch(word):
        return word
    has_digit = any(map(str.isdigit, word))
    if word in ACRONYMS or (has_digit and word.isascii()):
        return word.upper()
    if word.endswith("s") and word[:-1] in ACRONYMS and len(word) > 3:
        return word[:-1].upper() + "s"
    consonants = word.isascii() and not re.search(r"[aeiouy]", word) and 1 < len(word) <= 6
    if consonants and word not in _NO_ACRONYMS and not is_hesitation(word):
        return word.upper()
    return word


def _is_word(word: str) -> bool:
    return word in STOP_EXACT or word in STOP_INFLECTED or word in WEAK_INFLECTED


def _people(text: str, names: dict[str, str]) -> str:
    """Return `text` with those names capitalised that are also words, where the context says that they are names."""
    unsure = {w for w in names if w in _COMMON_NAMES or _is_word(w)}
    if not unsure:
        return text
    pattern = re.compile(rf"(?<![\w'&-])(?:{'|'.join(sorted(map(re.escape, unsure)))})(?![\w&-])")

    def named(match: re.Match[str]) -> str:
        before, after = text[max(0, match.start() - 24) : match.start()], text[match.end() : match.end() + 24]
        beside = re.search(r"([^\W\d_][\w.'-]*) $", before), re.match(r" ([^\W\d_][\w'-]*)", after)
        next_to_name = any(b and b[1].lower() in names and b[1][0].isupper() for b in beside)
        addressed = match[0] in _COMMON_NAMES and _BEFORE_NAMES.search(before) and _AFTER_NAMES.match(after)
        return _titled(match[0]) if next_to_name or addressed else match[0]

    return pattern.sub(named, text)


def _addressed(match: re.Match[str]) -> str:
    """Return the match with the name in it capitalised, if what stands in the place of a name can be one."""
    name, more = match["name"], match["more"] or ""
    if more.strip() in _NEVER_ADDRESSED:
        more = ""
    alone = (match["more"] or match["on"]) and not more
    if name in _NEVER_ADDRESSED or is_hesitation(name) or alone:
        return match[0]
    said = match[0][: match.start("name") - match.start()] + _titled(name)
    return said + (more[:2].upper() + more[2:] if more else match["more"] or "")


def _capital(match: re.Match[str]) -> str:
    """Return the beginning of a sentence with a capital, unless the full stop before it belongs to an abbreviation."""
    if match["end"] == ".":
        before = _last_word(match.string, match.start())
        abbreviated = before in _NOT_ENDING or (_DOTTED.fullmatch(before + ".") and before != "i")
        start = match.start("first")
        if abbreviated and (before in _TITLES or not _STARTERS.match(match.string, start)):
            return match[0]
    return match[0][:-1] + match["first"].upper()


def _last_word(text: str, end: int) -> str:
    """Return, in lower case, the word that ends at `end`, at most 16 characters of it."""
    found = _LAST_WORD.search(text, max(0, end - 16), end)
    return found[0].lower() if found else ""
