"""Firm names: the core of a name, the forms people use for a firm, and whether a text mentions one.

The same rules apply to keywords and to topic names; a test checks them on the names of 500 companies:

- legal forms ("Inc", "& Company") and an outer "The" are not part of the name. Nor are words such as "Group" and
  "Trust", unless only a place or a business word would be left ("Northern Trust");
- trailing business words may be dropped, as people do ("Cardinal" for Cardinal Health), and a distinctive first word
  stands for the whole name ("Costco"). The rest must be more than a place or a business word: "Texas" is not Texas
  Instruments;
- initials of three to five words are a form, and of two words if both are ordinary ("GE"), unless the initials have
  a common meaning ("AI");
- a form made only of ordinary words ("Target", "New Home") counts only if written as a name, with capitals not
  explained by position. Such a company may have a topic on sales targets or new home sales.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ftm_assets.methods.text.tokens import ENDING, WORD, normal_form
from ftm_assets.methods.text.word_lists import (
    GENERIC_NAME_INFLECTED,
    MONTHS_AND_DAYS,
    NUMBERS,
    STOP_EXACT,
    STOP_INFLECTED,
    WEAK_INFLECTED,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

CONNECTORS = frozenset({"and", "of", "the", "de", "for"})
"""Words that connect the words of a name but neither open nor end it."""

_LEGAL_FORMS = """
    ab ag aktiengesellschaft aps asa berhad bhd bv co com companies company corp corporation gmbh inc incorporated
    kg kgaa limited llc llp lp ltd na nv oyj plc public pte pty sa sab sas se spa srl tbk
    """
LEGAL_FORMS = frozenset(_LEGAL_FORMS.split())
"""Legal forms, in lower case without full stops, and ".com", which people omit."""

_TAIL = re.compile(
    r"(?: *\([^()]*\)| */ *[a-z]{2,3} */?|[ ,]+-? *(?:cl|class|ser|series)\.? [a-z]"
    r"|[ ,]+(?:adrs?|adss?|a/s|de c\.? ?v\.?)) *$",
    re.IGNORECASE,
)
"""What data vendors append to a name: "(NASDAQ:GOOGL)", "/DE/", "-CL B", "ADR"; and legal forms of several words."""

_KINDS_OF_FIRM = """
    bancorp bancorporation bancshares group holding holdings reit trust trusts us
    """
KINDS_OF_FIRM = frozenset(_KINDS_OF_FIRM.split())
"""Words dropped like a legal form, unless only a place or a business word would be left."""

_COMMON_INITIALS = """
    ac ad ag ai am an ap api apr ar arr as asc asp at atm aum aws bi bps by cac cad cbd cc cd cds ceo cfo
    cio cm cms coo cpa cpg cpi cpm cre crm cs ct dc de dei dna do dr dtc ea epa eps er erp esg eu ev evs fbi
    fcf fda fed fx fy gaap gb gdp go gp gps hiv hr hsa i ia id if ii in io iot ip ipo irr irs is isa it iv
    kpi la led lng ltv ma mb me mid ml mo mrna my na nav ng nih no noi ny oem of on op or os ot pa pc pcr pe
    ph phd pi pm pos ppe pr pro ps qa ram rd rfp ri rna roa roe roi rpm rv sa sec sg sga so spac tam tax tbd
    tv uk up us usa usd va vc vp vr we who wifi
    """
COMMON_INITIALS = frozenset(_COMMON_INITIALS.split())
"""Initials with another common meaning: never a form of a firm's name."""

_ORDINARY = """
    academy ace acme advance affiliated agile align allegiant alliance allied ally alpha alpine ambassador
    anchor angel apex apple arch array arrow aspen aspire atlas aurora avid axis badger baker ball banner
    bath beacon bed belt berry best beyond black block blue bolt booking boot boots box bridge bright brown
    buckle builder burger cable cadence calm camping candy canopy cardinal care carnival carrier carter
    castle catalyst celebrate celebration cement century certain charter chase cheesecake chewy choice
    church circle citizen clarity clean clear clover coach coal coherent colony comet comfort commerce
    compass concert container cooper copper core corner cornerstone cotton country crane crest cross crown
    crystal cub customer cutter deck delta desktop diamond diamondback dime discover discovery dish
    diversified dollar domino door dream duck dynamic eagle earth ease easy edge element elevate elite
    emerald encompass encore enhance envision equity essential ever everest evergreen exchange explorer
    extended extra factory fair falcon family farmer fidelity fifth five flag fleet flex floor flower foot
    forest form fortune forward fossil foundation fox franchise freedom fresh frontier fuel galaxy gap gate
    gem generation genius gentle genuine globe gold grand granite graphic green grid grill group guardian
    guess guild half harbor harmony haven hawk helix hello heritage hero hope horizon host hub ice icon
    ideal ingredient innovation insight inspire inspired instrument insulate integer intelligent interface
    invitation iron island jacket journey juniper key kid kite knife knight lake lamb lantern laser latch
    leaf legacy legend leisure lemon lemonade lending liberty light lime lion lock lucky lumen magnet maple
    marathon mark marker mass master match matrix max mercury meridian metal microchip middle mill mine
    mission model modern mosaic motion mountain navigator nova nutrient oak office old omega opal open
    optimum option oracle orange orbit origin outfront outlook overseas oxford packaging palm paramount
    parent patriot pearl peloton penguin people perimeter personal pet phoenix pilgrim pilot pinnacle
    pioneer planet plug plus polaris pool popular post power premier price prime principal priority pro
    process progress progressive promise property prospect prudential pulse pure quad quest rambler range
    ranger rapid raven red regal regency region regional reliance reliant republic resort resource
    revolution ring rite river robust rock rocket root roots rose round royal rush safe sage sail salt sand
    sapphire satellite saver scholar sealed season select sentinel service shake shell shift shoe shore
    signature signet silk silver simple simply six sky sleep smart snap snow sonic source space spark
    spectrum spire spirit spring sprout sprouts square staple star state stay steel stitch stone store
    stride summit sun sunrise surgery sweet swift switch table tandem tapestry target team tender terra test
    tile titan toast top total tower town tractor trade trail travel traveler trim trinity triple triumph
    true twist ultra under unity upstart upwork urban valley value vector velocity verb vertex viking virgin
    visa vista vital volt walker warrior watch water wave wealth welcome whirlpool wing wolf woodward
    workhorse worthy yellow yield zebra zoom
    """
"""Ordinary English words that occur in firm names, in addition to the other lists."""

_PLACES = """
    africa alabama alaska arizona arkansas atlanta australia baltimore boston brazil carolina charlotte
    chicago cincinnati cleveland colorado columbia connecticut dakota dallas delaware denver detroit florida
    georgia hampshire hawaii houston idaho illinois indiana iowa ireland israel jersey kansas kentucky korea
    louisiana maine maryland massachusetts memphis miami michigan milwaukee minneapolis minnesota
    mississippi missouri montana nashville nebraska nevada ohio oklahoma oregon pennsylvania philadelphia
    pittsburgh portland puerto rhode richmond rico russia seattle singapore spain sweden switzerland taiwan
    tennessee texas utah vegas vermont virginia washington wisconsin wyoming uk us
    """
PLACES = frozenset(_PLACES.split())
"""Places that a topic may be about, in addition to those among the generic words."""

_ORDINARY_WORDS = STOP_EXACT | MONTHS_AND_DAYS | NUMBERS | CONNECTORS | LEGAL_FORMS | KINDS_OF_FIRM
_ORDINARY_FORMS = frozenset(
    map(
        normal_form,
        {*_ORDINARY.split(), *PLACES, *STOP_INFLECTED, *WEAK_INFLECTED, *GENERIC_NAME_INFLECTED},
    )
)
_GENERIC_FORMS = frozenset(map(normal_form, GENERIC_NAME_INFLECTED))
PLAIN_FORMS = _GENERIC_FORMS | frozenset(map(normal_form, PLACES))
"""Normal forms of places and business words: one of them alone never stands for a name of several words."""

_NO_NAMES_ALONE = PLAIN_FORMS | frozenset(
    map(normal_form, {*_ORDINARY_WORDS, *STOP_INFLECTED, *WEAK_INFLECTED})
)


class _Word(NamedTuple):
    written: str
    lower: str
    """In lower case, without a possessive ending or the full stops of an abbreviation."""
    start: int
    end: int


def name_words(name: str) -> list[str]:
    """Return the words of a firm's name in lower case, without its legal form and outer connectors.

    >>> name_words("The Boeing Company"), name_words("Bed Bath & Beyond Inc.")
    (['boeing'], ['bed', 'bath', 'beyond'])
    """
    return [w.written.lower() for w in _stem(_words(_without_tail(name)))]


def firm_name_forms(name: str, *others: str) -> tuple[str, ...]:
    """Return the forms of a firm's name, the full name first, then `others` (tickers, people) unchanged.

    Forms are the name, the name without its legal form, shorter forms that people use, its initials, and each without
    accents.

    >>> firm_name_forms("The Boeing Company")
    ('The Boeing Company', 'Boeing')
    >>> firm_name_forms("Duke Energy Corporation", "DUK")
    ('Duke Energy Corporation', 'Duke Energy', 'Duke', 'DUK')
    >>> firm_name_forms("Molson Coors Beverage Company")
    ('Molson Coors Beverage Company', 'Molson Coors Beverage', 'Molson Coors', 'Molson', 'MCB')
    """
    name = name.strip()
    forms = [name]
    name = _without_tail(name)
    words = _stem(_words(name))
    while words:
        forms.append(_written(name, words))
        shorter = _without_outer_connectors(words[:-1])
        if not _is_generic(words[-1]) or (len(shorter) < 2 and _are_among(shorter, _NO_NAMES_ALONE)):
            break
        words = shorter
    if len(words) > 1 and _is_distinctive(words[0]):
        forms.append(_written(name, words[:1]))
    if short := initials(name):
        forms.append(short)
    forms += [_plain(form) for form in forms]
    return tuple(dict.fromkeys(f for f in [*forms, *(o.strip() for o in others)] if f))


def initials(name: str) -> str:
    """Return the initials that people may use for a firm whose name has several words, or "".

    >>> initials("General Electric Co"), initials("Monro Inc"), initials("Applied Instruments")
    ('GE', '', '')
    """
    words = _stem(_words(_without_tail(name)))
    parts = [p for w in words if w.lower not in CONNECTORS for p in w.lower.split("-") if p]
    fewest = 3 if any(map(_is_distinctive, words)) else 2
    short = "".join(p[0] for p in parts)
    return short.upper() if fewest <= len(parts) <= 5 and short not in COMMON_INITIALS else ""


def known_names(transcripts: pa.Table) -> dict[str, list[str]]:
    """Return for each firm_id the sorted names to keep out of its keywords and topic names.

    `transcripts` has firm_id, firm_name, ticker and speaker_name; all but firm_id may be null. Firm names are expanded
    to their forms; tickers and speakers are returned unchanged.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for column in ("firm_name", "ticker", "speaker_name"):
        pairs = transcripts.select(["firm_id", column]).group_by(["firm_id", column]).aggregate([])
        for row in pairs.to_pylist():
            if name := (row[column] or "").strip():
                found[row["firm_id"]].update(firm_name_forms(name) if column == "firm_name" else [name])
    return {firm: sorted(names) for firm, names in found.items()}


def holds_firm_name(text: str, exclude: Sequence[str], *, is_as_spoken: bool = False) -> bool:
    """Return whether `text` contains a name from `exclude`: its words in a row, in any case, with or without 's.

    Connectors and punctuation do not matter ("Procter and Gamble"). A name made only of ordinary words must be
    capitalised: every word of a name of several words; a single word also must not open the text. Set `is_as_spoken`
    if the text's opening word is capitalised only when it always is, so that it counts too. A name of up to five
    capital letters (a ticker, initials) must be in capitals; a name of a single letter never counts.

    >>> holds_firm_name("Boeing's delivery delays", firm_name_forms("The Boeing Company"))
    True
    >>> holds_firm_name("Sales at Target", ["Target"]), holds_firm_name("Target margins", ["Target"])
    (True, False)
    """
    by_first = _by_first_word(tuple(exclude))
    said = _spoken(text)
    if not any(w.lower in by_first for w in said):
        return False
    row = f" {' '.join(w.lower for w in said)} "
    return any(
        f" {form.row} " in row and _is_called(said, form, is_as_spoken)
        for first in {w.lower for w in said}
        for form in by_first.get(first, ())
    )


@lru_cache(maxsize=1024)
def _by_first_word(exclude: tuple[str, ...]) -> dict[str, list[_Form]]:
    """Return the forms that can count, by the first word of each: most texts have none of the words."""
    forms: defaultdict[str, list[_Form]] = defaultdict(list)
    for form in map(_form, exclude):
        if form.row:
            forms[form.row.partition(" ")[0]].append(form)
    return dict(forms)


class _Form(NamedTuple):
    row: str
    """Its words in lower case, joined by spaces; empty for a form that never counts."""
    capitals: tuple[bool, ...]
    """Which of its words are capitalised."""
    is_ordinary: bool
    is_in_capitals: bool
    """Whether it counts only in capitals."""


@lru_cache(maxsize=100_000)
def _form(form: str) -> _Form:
    words = _spoken(form)
    letters = "".join(c for c in form if c.isalnum())
    return _Form(
        row=" ".join(w.lower for w in words) if len(letters) > 1 else "",
        capitals=tuple(_has_capital(w) for w in words),
        is_ordinary=not any(map(_is_distinctive, words)),
        is_in_capitals=len(words) == 1 and len(letters) <= 5 and letters.isupper(),
    )


def _is_called(said: Sequence[_Word], form: _Form, is_as_spoken: bool) -> bool:
    if not (form.is_ordinary or form.is_in_capitals):
        return True
    words, n = form.row.split(), len(form.capitals)
    for i in range(len(said) - n + 1):
        found = said[i : i + n]
        if [w.lower for w in found] != words:
            continue
        if form.is_in_capitals:
            if found[0].written.isupper():
                return True
        elif all(_has_capital(w) >= c for w, c in zip(found, form.capitals, strict=True)) and (
            n > 1 or found[0].start > 0 or is_as_spoken
        ):
            return True
    return False


def _has_capital(word: _Word) -> bool:
    return word.written[0].isupper()


def _written(name: str, words: Sequence[_Word]) -> str:
    """Return words as written in the name, but a single all-capitals word of four letters or more as "Nike".

    In a name that is all capitals ("YUM BRANDS INC"), so is a word of three letters, unless it is an ordinary word or
    initials.
    """
    is_word = name.isupper() and len(words[0].written) == 3 and re.search("[AEIOUY]", words[0].written[1:])
    if (
        len(words) == 1
        and (len(words[0].written) > 3 or (is_word and len(_words(name)) > 2 and _is_distinctive(words[0])))
        and words[0].written.isupper()
        and words[0].written.isalpha()
    ):
        return words[0].written.capitalize()
    return name[words[0].start : words[-1].end]


def _without_tail(name: str) -> str:
    """Return a name without what is appended to it, such as a ticker; the name itself if nothing would be left."""
    while _words(shorter := _TAIL.sub("", name)) and shorter != name:
        name = shorter
    return name


def _words(text: str) -> list[_Word]:
    found = []
    for match in WORD.finditer(text):
        written = ENDING.sub("", match.group())
        lower = written.lower()
        lower = lower.replace(".", "") if lower.endswith(".") else lower
        found.append(_Word(written, lower, match.start(), match.end()))
    return found


def _spoken(text: str) -> list[_Word]:
    """Return the words of a text or form for comparison: split at hyphens, without connectors."""
    parted = []
    for word in _words(text):
        place = word.start
        for part in re.split("-", word.written):
            lower = _plain(part.lower().replace(".", ""))
            if lower and lower not in CONNECTORS:
                parted.append(_Word(part, lower, place, place + len(part)))
            place += len(part) + 1
    return parted


def _plain(word: str) -> str:
    """Return a word or form without accents, as transcribers write Nestlé and Ørsted."""
    if word.isascii():
        return word
    letters = word.translate(_LETTERS)
    return "".join(unicodedata.normalize("NFKD", c)[0] if c.isalpha() else c for c in letters)


_LETTERS = str.maketrans(
    {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ß": "ss", "æ": "ae", "Æ": "Ae", "đ": "d", "Đ": "D"}
)


def _stem(words: list[_Word]) -> list[_Word]:
    """Return the words of a name without its legal form and outer connectors."""
    words = _without_outer_connectors(words)
    while words:
        last = words[-1].lower
        rest = _without_outer_connectors(words[:-1])
        if last in LEGAL_FORMS or (
            last in KINDS_OF_FIRM and (len(rest) > 1 or not _are_among(rest, PLAIN_FORMS))
        ):
            words = rest
        else:
            break
    return words


def _without_outer_connectors(words: list[_Word]) -> list[_Word]:
    start, end = 0, len(words)
    while end > start and words[end - 1].lower in CONNECTORS:
        end -= 1
    while start < end and words[start].lower in CONNECTORS:
        start += 1
    return words[start:end]


def _are_among(words: Sequence[_Word], forms: frozenset[str]) -> bool:
    return all(normal_form(w.lower) in forms for w in words)


def _is_generic(word: _Word) -> bool:
    return normal_form(word.lower) in _GENERIC_FORMS


def _is_distinctive(word: _Word) -> bool:
    """Return whether a word occurs only in names."""
    return not (
        word.lower in _ORDINARY_WORDS
        or normal_form(word.lower) in _ORDINARY_FORMS
        or len(word.lower) == 1
        or "." in word.written
        or word.lower.isdigit()
    )
