"""Words that a heading for many firms does without, or may not consist of.

Belongs here: vocabulary for the names of themes. The classes that the phrase parser needs are in `word_classes`.
"""

from __future__ import annotations

from functools import cache

from ftm_assets.methods.naming.word_classes import ABSTRACT_HEADS, LISTED, MEASURES, words_of
from ftm_assets.methods.text.capitals import PLACES_AND_PEOPLES
from ftm_assets.methods.text.tokens import normal_form
from ftm_assets.methods.text.word_lists import GENERIC_NAME_INFLECTED, WEAK_INFLECTED

VAGUE_HEADS = ABSTRACT_HEADS | words_of(
    """situation situations progress opportunity opportunities ability update updates business businesses world head
    company companies team teams issue issues ours yours theirs hers backward backwards forward forwards
    """
)
"""A phrase that ends in one of these says too little of several firms."""

VAGUE_ALONE = words_of(
    """rate rates home homes money category categories division divisions segment segments capital asset assets return
    returns income provision provisions partner partners cell cells unit units user users fund funds group groups market
    markets region regions industry industries industrial list space model models cycle gap ground cap design expense
    figures numbers production capacity conversion conversions threshold thresholds pivot pivots lift form forms
    supply class classes loss losses structure transaction transactions barrels intensity gulf air sea union
    farm gigawatt gigawatts megawatt megawatts ton tons box data assumptions relationship information
    """
)
"""Words that say too little of a topic alone, but much in a phrase: rate base, idle capacity."""

DESCRIBING_ING = words_of(
    "operating existing emerging remaining leading growing underlying upcoming ongoing outstanding living aging"
)
"""Words in -ing that describe a noun but are none."""

PLURAL_MODIFIERS = words_of(
    """
    access ads aerospace analytics arms aws basis benefits biologics bus business capex chemicals claims class
    communications comps cosmetics covid-19 crisis cross customs data diabetes diagnostics earnings economics
    electronics ethics exports express fitness futures gains gas genomics glass goods graphics gross less
    logistics loss markets mass materials mathematics metals news operations opex optics parts pharmaceuticals
    physics plastics points politics premises press proceeds process r&d rewards rights robotics sales sas savings
    sciences securities series services solutions sports systems telematics textiles virus wellness workers
    """
)
"""Words in -s that stand before a noun in good English: sales growth, parts supplier."""

SIGNS = words_of(
    """headwind headwinds tailwind tailwinds growth decline declines increase increases decrease decreases gain gains
    improvement improvements reduction reductions pressure pressures strength weakness softness acceleration
    deceleration recovery rebound slowdown upside downside deterioration expansion contraction rise fall drop
    uptick downturn momentum outperformance underperformance uplift shortfall resilience
    """
)
"""Nouns that say which way something went: not in a name unless most of those who speak of it say so."""

EVALUATIONS = words_of(
    """strong stronger strongest weak weaker good great better best bad worse worst high higher highest low lower
    lowest big bigger biggest large larger largest small smaller smallest solid robust healthy tremendous
    significant substantial positive negative favorable unfavorable favourable adverse improved improving
    increased increasing reduced decreased declining growing record nice fantastic excellent incredible tough
    difficult challenging modest meaningful exciting strategic important key main major certain specific
    particular various additional further continued sustained expected projected planned proposed related similar
    different unprecedented phenomenal terrific outstanding impressive remarkable extraordinary faster slower
    accelerated depressed elevated incremental current recent upcoming ongoing existing remaining latest overall
    total entire whole committed continuing available able sound confident comfortable pleased proud clear true
    right possible responsible prudent disciplined short long potential likely fair considerable fewer reasonable
    appropriate sharp sharper wonderful lucky happy interesting
    diverse full deep steady stable flat higher-than-expected rare
    """
)
"""Modifiers that judge, compare or point rather than say which: a heading goes without them."""

TIMES = words_of(
    """time times year years quarter quarters month months week weeks day days today tomorrow yesterday tonight
    morning afternoon evening fiscal period periods half decade decades moment date dates
    """
)
"""Words of time: a phrase with one says when, not what."""

CURRENCIES = words_of(
    """dollar dollars euro euros sterling yen yuan renminbi rmb peso pesos rupee rupees ruble rubles franc francs
    krona krone zloty usd eur gbp jpy cny cad aud chf inr brl mxn cent cents
    """
)

ACTION_OPENERS = words_of(
    """address build bump call cause close cut drive drop end estimate face fall figure fill fit fix gain help hit
    hold hope increase increases decrease decline jump lack look mention miss move need note offer offset perform
    pick play point position present pull push raise reach read rise roll run set shift show slow spend stand
    start stay step stop struggle tie touch treat turn view wait walk watch welcome win worry impact result
    results left support supports benefits needs helps shows moves looks plan plans
    """
)
"""Nouns that are verbs when they open a phrase more often than not: drive growth, offset costs."""

PREDICATES = words_of(
    """be is are was were been being am very so more most too quite pretty really extremely becoming become became
    remain remains remained feel felt it's that's we're they're i'm isn't not
    """
)
"""Words before an adjective that stands alone: difficult to be precise."""

_COMMON = (LISTED | MEASURES | SIGNS | EVALUATIONS) - PLACES_AND_PEOPLES
_COMMON_FORMS = frozenset(map(normal_form, (WEAK_INFLECTED | GENERIC_NAME_INFLECTED) - PLACES_AND_PEOPLES))


@cache
def is_common(word: str) -> bool:
    """Return whether a lower-case word is known to be an ordinary one, so that a capital does not make it a name."""
    return word in _COMMON or normal_form(word) in _COMMON_FORMS
