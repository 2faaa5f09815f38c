"""Word lists and word classes for recognising English noun phrases.

The extractive namer uses no part-of-speech model, only these lists, written for earnings calls, and the endings of
words. Belongs here: lists that say what a word *is*. Choosing names does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from ftm_assets.methods.text.word_lists import MONTHS_AND_DAYS, NUMBERS


def words_of(text: str) -> frozenset[str]:
    """Return the words of a list."""
    return frozenset(text.split())


CLOSED = words_of(
    """a an the this that these those my your his her its our their whose which what who whom where when why how
    i me we us you he him she it they them myself ourselves yourself itself themselves himself herself y'all one
    ones there here then than as if whether while because although though unless until since so such not no nor
    neither either both each every all any some many much more most few fewer several another other others own
    same certain enough less least lot lots bit little plenty couple anything something everything nothing
    anybody somebody everybody anyone someone everyone nobody but or yet also too very just only even still
    already again once twice ever never always often sometimes maybe perhaps quite rather pretty really actually
    basically now today tomorrow yesterday ago yet soon later next last previous prior recent first second
    third fourth fifth sixth
    half quarter-over-quarter year-over-year etc versus vs via per please hello hi hey goodbye bye thanks thank
    sir guys guy folks everybody yeah okay sure right well uh um gonna wanna gotta kinda sorta lets let's ain't
    instead otherwise however therefore thus hence meanwhile moreover furthermore together apart away back down
    up out off over under through forward ahead along around about above below across after before against
    among amid between beyond by despite during except from inside into like near onto outside past
    throughout till toward towards underneath unlike upon within without with to at on in of for and
    de la el que non yes yep no congratulations congrats congratulation wow hopefully kudos
    """
)
"""Words that end a noun phrase. `phrases` makes an exception for the links `of`, `in`, `for` and `and`."""

DETERMINERS = words_of(
    "a an the this these those my your his her its our their each every any some no such another both whose"
)
"""A word after one of these is a noun or describes one, whatever else it can be."""

SUBJECTS = words_of("i we you he she they it who that there which people to let's") | words_of(
    "will would can could should may might must shall do does did don't doesn't didn't won't can't couldn't "
    "wouldn't shouldn't not also just really actually probably never always continue continues i'll we'll they'll "
    "you'll it'll gonna please"
)
"""A word after one of these is a verb if it can be one."""

VERB_PARTICLES = words_of("at by to into forward out up down back through me us them you him it off over")
"""Words that follow a verb rather than a noun: offset by, look at, drive it."""

BEFORE_PARTICIPLES = words_of("of for in with from on by as and or our")
"""A participle between one of these and a noun describes the noun: of improving margins."""

AUXILIARIES = words_of(
    """be is are was were been being am i'm we're you're they're he's she's it's that's there's what's isn't
    aren't wasn't weren't have has had having i've we've you've they've hasn't haven't hadn't do does did doing
    done will would can could should may might must shall cannot can't won't wouldn't couldn't shouldn't don't
    doesn't didn't i'd we'd they'd you'd let's here's who's i'll we'll you'll they'll it'll
    """
)

_VERBS = words_of(
    """accelerate accomplish achieve analyze acquire adapt add address adjust affect agree aim allow announce
    answer anticipate apologize appear apply appreciate approve argue arise arrive ask assess assume attempt
    attract avoid base become begin believe belong benefit bring broaden build bump buy call capture carry
    catch cause choose clarify close combine come commit compare compete complete comprise concern conclude
    conduct confirm connect consider consist contain continue contribute convert create cut deal decide decline
    decrease deepen defer deliver depend derive describe determine develop differ diminish disappoint discuss
    disclose reinforce reopen reassure commend forecast
    diversify double draw drive drop earn ease elaborate eliminate emerge emphasize enable encounter encourage end
    engage enhance enjoy ensure enter establish estimate evaluate evolve examine exceed execute exist expand
    expect experience explain explore express extend face facilitate fall feel figure fill finalize find finish
    fit fix focus follow forget gain gather generate get give go grow guess guide happen hear help highlight hit
    hold hope identify illustrate imagine impact implement imply improve include incorporate increase incur
    indicate inform initiate intend introduce invest involve join jump keep know lack land last lead leap learn
    leave let leverage like listen live look lose lower maintain make manage matter maximize mean meet mention
    miss mitigate monitor move navigate need normalize note notice obtain occur offer offset open operate
    optimize outperform outpace overcome own participate pay perform persist pick play point position postpone
    prefer prepare present preserve prevent proceed produce protect prove provide pull pursue push put qualify
    quantify raise ramp reach react read realize recall receive recognize recommend recover redeem reduce refer
    reflect refine regard reiterate relate rely remain remember remind remove replace represent require resolve
    respond rest restore result resume retain return reveal ride rise roll run save say scale see seek seem sell
    send serve set shape shift show shut sign simplify sit slow solve sound speak spend stabilize stand start
    state stay step stick stop strengthen strive struggle submit succeed suffer suggest suit summarize support
    surpass suspend sustain take talk target tell tend thank think throw tie touch track transform transition
    translate travel treat trend try turn underperform understand undertake unlock update use utilize vary view
    wait walk want warrant watch weigh welcome widen win wonder work worry write yield got gotten went gone came
    saw seen said told took taken gave given made knew known thought felt found kept led left lost meant met paid
    brought bought built caught chosen chose drew drawn driven drove fell fallen forgot grew grown heard held hit
    ran rose risen sat sent shown sold spoke spoken spent stood stuck taught threw thrown understood woke won
    wore wrote written began begun became dealt sought gotta thinks goes does
    """
)

_ALSO_NOUNS = words_of(
    """address approach base benefit build bump call cause close concern cut deal decline decrease drive drop end
    estimate experience face fall figure fill fit fix focus gain guide help hit hold hope impact increase jump
    lack land lead leverage look matter mention miss move need note offer offset pay perform pick play point position
    present pull push raise ramp reach read rest result return rise roll run scale set shape shift show sign
    slow sound spend stand start state stay step stop struggle support target tie touch track transition
    travel treat trend turn update use view wait walk watch welcome win work worry yield results returns gains
    sales spread market markets price prices cost costs demand supply plan plans order orders fund funds
    stores store volume volumes purchase rate rates charge charges risk risks share shares report reports
    ship shipments trade test tests issue issues launch launches change changes forecast budget debt rent
    rents sale profit profits capital finance service services place places process program project projects
    product products release mix capture open hedge contract contracts lease leases license approach lift
    growth comment comments question questions answer discount discounts model models value values balance
    practice interest account accounts claim claims rebound recover swing
    """
)

_VERB_FORMS = words_of(
    " ".join(
        form
        for verb in _VERBS
        for form in (
            verb,
            f"{verb}s",
            f"{verb[:-1]}ies" if verb.endswith("y") else f"{verb}es",
            f"{verb}d" if verb.endswith("e") else f"{verb}ed",
            f"{verb[:-1]}ied" if verb.endswith("y") else f"{verb}{verb[-1]}ed",
            f"{verb[:-1]}ing" if verb.endswith("e") else f"{verb}ing",
            f"{verb}{verb[-1]}ing",
        )
    )
)

NOUN_ING = words_of(
    """marketing pricing manufacturing financing spending lending underwriting hiring staffing training building
    buildings holding holdings offering offerings savings saving earning earnings testing engineering
    advertising licensing sequencing drilling mining shipping processing funding operating housing clothing
    branding planning refinancing restructuring timing banking consulting outsourcing sourcing merchandising
    pipeline packaging trading wording rating ratings booking bookings listing listings meeting meetings
    filing filings finding findings opening openings closing screening staging dosing imaging coating coatings
    plumbing heating cooling wiring cleaning learning learnings recycling warehousing inning ending
    beginning setting settings permitting well-being beijing morning evening thing things everything billing
    farming fracking gaming streaming networking selling deleveraging hedging tiering onboarding
    modeling servicing leasing vaccinating bidding blending rebranding distancing understanding positioning
    accounting reporting ring king spring string wing swing bring-up headwinds shopping dining buying
    living aging ongoing outstanding existing emerging remaining leading growing underlying upcoming
    """
)
"""Words in -ing that name or describe a thing rather than an action."""

ADJECTIVAL_ED = words_of(
    """adjusted fixed related limited diversified combined leveraged unlevered installed deferred estimated
    integrated advanced connected branded unbranded regulated deregulated unregulated controlled distributed
    automated accelerated increased reduced improved elevated expected projected planned proposed continued
    committed restricted unrestricted licensed unlicensed skilled used refurbished finished imported exported
    managed outsourced structured secured unsecured delayed targeted weighted depressed distressed contracted
    uncontracted mixed owned franchised expanded enhanced sustained pent-up asset-based recommended approved
    """
)
"""Participles that always describe a following noun."""

ADVERBS = words_of(
    """almost anyway anywhere elsewhere everywhere far further hopefully indeed instead likely mostly nearly
    nowhere obviously otherwise perhaps simply somehow somewhat somewhere soon therefore typically usually
    yet definitely essentially fairly frankly honestly literally particularly specifically whatsoever
    sequentially organically overall roughly approximately slightly certainly clearly
    """
)

_NOUN_LY = words_of(
    """family supply assembly monthly weekly daily quarterly yearly early assemblies supplies families ally anomaly
    monopoly reply poultry italy july likely friendly elderly costly fly ply only lilly hourly duopoly butterfly
    """
)

_ADJECTIVE_ENDINGS = ("al", "ive", "ous", "able", "ible", "ful", "less", "ish", "ic", "ary", "ant", "ent")

_NOUNS_LIKE_ADJECTIVES = words_of(
    """capital approval proposal rental renewal material metal chemical chemicals principal arrival withdrawal
    total potential credential portal signal hospital deal goal meal coal steal retail mineral appeal proposals
    festival journal manual professional official referral removal trial terminal trials capitals individual
    referendum initiative executive alternative incentive objective perspective native motive derivative
    representative relative adhesive table cable variable receivable payable vegetable collectible deductible
    convertible clinic traffic topic logic metric music pandemic fabric public plastic electric epidemic
    biotic antibiotic graphic mechanic physic ceramic academic republic salary summary inventory subsidiary
    secondary beneficiary library boundary commentary glossary january february dictionary anniversary
    plant restaurant grant tenant merchant participant consultant quadrant covenant assistant applicant variant
    percent agent client patient event investment management department payment equipment development
    agreement improvement environment government requirement segment document statement commitment
    assessment settlement shipment treatment announcement replacement procurement retirement instrument
    supplement adjustment deployment management employment cement component content talent rent cent
    accident incident patent parent moment element ingredient recipient resident president student continent
    extent intent consent spent percent arrangement fulfillment enrollment reimbursement impairment placement
    movement amendment achievement advertisement apartment argument basement engagement establishment
    experiment fragment installment involvement judgment measurement pavement refreshment repayment
    endorsement enforcement entertainment repurchase reinvestment realignment
    """
)

_ADJECTIVES = words_of(
    """good great nice bad better best worse worst big bigger biggest small smaller smallest large larger largest
    high higher highest low lower lowest long longer longest short shorter new newer old older young strong
    stronger strongest weak weaker fast faster slow slower quick early earlier late full empty hard harder easy
    easier tough tougher clear main major minor key core gross net real true false happy proud glad
    comfortable able unable available different similar various further additional extra whole entire overall
    total broad broader deep deeper heavy light flat stable steady solid robust healthy mature modest sharp
    tight loose rich poor cheap safe secure smart stark fair favorable adverse direct indirect
    premium appropriate adequate accurate correct moderate separate private corporate ultimate legitimate intermediate
    alive optimistic extraordinary incremental historical remarkable positive negative aggressive
    american european asian african canadian mexican brazilian chinese japanese australian indian german french
    british spanish italian colombian korean russian portuguese swiss dutch
    domestic foreign global local regional rural urban digital organic online due prepared pleased
    excited confident aware sure ready open closed busy free close near-term long-term short-term
    year-to-date full-year double-digit single-digit mid-single-digit high-single-digit low-single-digit
    """
)
"""Can describe a noun, but cannot be one."""

EMPTY = words_of(
    """thing things lot lots way ways kind kinds sort sorts bit guy guys people person folks time times year years
    quarter quarters month months week weeks day days today morning afternoon question questions answer answers
    point points part parts case cases place places fact example examples reason reasons sense idea ideas term
    terms side number numbers piece pieces area areas level levels look view context perspective basis
    course regard regards respect matter call calls couple comment comments color slide slides page remark
    remarks million billion thousand percent dollar dollars half percentage end front stuff something anything
    type types amount range moment period periods fiscal detail details line lines word words position
    standpoint everybody everyone team teams job opportunity opportunities situation update bps
    name names good great nice right big better best new different various significant important certain
    specific particular able clear strong sure little whole entire overall additional
    chairman ceo cfo president head analyst analysts investor operator speaker company companies business
    businesses world hand issue issues making makings attention floor sir minute minutes story ability
    journey conversation discussion discussions spring
    """
)
"""Common in every call: they add little to a name and cannot be one alone."""

ABSTRACT_HEADS = EMPTY & words_of(
    """thing things lot lots way ways kind kinds sort sorts bit guy guys people person folks time times year years
    quarter quarters month months week weeks day days today morning afternoon question questions answer answers
    point points part parts case cases place fact example examples reason reasons sense idea ideas term terms
    side number numbers piece pieces look view context perspective basis course regard regards respect matter
    call calls couple comment comments slide slides page remark remarks million billion thousand percent dollar
    dollars half percentage end front stuff moment period periods detail details word words standpoint
    everybody everyone minute minutes type types chairman ceo cfo president amount hand conversation discussion
    level levels range name names area areas job lines line story
    """
)
"""A phrase that ends in one of these is too vague to be a name."""

CALENDAR = MONTHS_AND_DAYS | words_of("q1 q2 q3 q4 fy h1 h2")

_NUMBER = re.compile(r"[$€£]?[\d.,]+(?:%|st|nd|rd|th|s|x|k|m|bn)?", re.IGNORECASE)


@cache
def word_class(word: str) -> str:
    """Return the class of a lower-case word, regardless of context.

    `x` ends a phrase (function words, pure verbs, adverbs, numbers), `v` is a verb or noun depending on its
    neighbours, `d` is a participle in -ed, `g` one in -ing, `a` describes a noun, `n` can be a noun.
    """
    is_clitic = "'" in word.removesuffix("'s")
    if word in _NEVER_IN_PHRASE or is_clitic or _NUMBER.fullmatch(word) or not re.search("[a-z]", word):
        return "x"
    for kind, is_of in _SHAPES:
        if is_of(word):
            return kind
    return "n"


_NEVER_IN_PHRASE = AUXILIARIES | CLOSED | NUMBERS | ADVERBS | CALENDAR

# The first match decides.
_SHAPES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("n", lambda w: w in NOUN_ING or w in _NOUN_LY or w in _NOUNS_LIKE_ADJECTIVES),
    ("x", lambda w: w.endswith("ly")),
    ("g", lambda w: w.endswith("ing") and len(w) > 4),
    ("d", lambda w: w.endswith("ed") and len(w) > 4 and w not in {"need", "speed", "breed", "exceed"}),
    ("a", lambda w: w in _ADJECTIVES),
    ("v", lambda w: w in _ALSO_NOUNS or (w.endswith("s") and w[:-1] in _ALSO_NOUNS)),
    ("x", lambda w: w in _VERB_FORMS),
    ("a", lambda w: w.endswith(_ADJECTIVE_ENDINGS) and not w.endswith("ment")),
)


GIVEN_NAMES = words_of(
    """aaron adam alan albert alex alexander alice alison amanda amy andrea andrew andy angela anna anne anthony antonio
    arthur ashley barbara ben benjamin bernard bill blake bob bobby brad brandon brent brett brian bruce bryan
    carl carlos carol caroline catherine charles charlie chris christian christine christopher christopher
    cindy claire colin craig curt cynthia dale dan daniel danny darren dave david dawn dean deborah debra
    dennis derek diane don donald donna doug douglas duane dustin ed eddie edward elizabeth ellen emily eric erik
    erin ethan eugene evan frank fred gary geoff george gerald gerry glenn gordon greg gregory hans harold
    harry heather helen henry howard ian jack jacob jaime james jamie jane janet jared jason javier jay jean
    jeff jeffrey jen jennifer jeremy jerry jessica jill jim jimmy joan joe joel john johnny jon jonathan jordan
    jorge jose joseph josh joshua juan judy julia julie justin karen kate katherine kathleen kathy katie keith
    kelly ken kenneth kevin kim kimberly kurt kyle larry laura lauren laurie lee leonard leslie linda lisa liz
    lou louis lucas luis luke lynn marc marcelo marco margaret maria mario marie mario marshall martha martin
    mary matt matthew maureen melissa michael michelle miguel mike mitch monica nancy natalie nathan neil
    nicholas nick nicole nigel olivia oscar pam pamela pat patricia patrick paul paula pedro peter phil philip
    rachel ralph randall randy ray raymond rebecca ricardo rich richard rick rob robert roberto robin rod roger
    ron ronald ross roy russ russell ruth ryan sam samantha samuel sandra sara sarah scott sean seth sharon
    shane shannon shawn simon stacy stan stephanie stephen steve steven stuart sue susan suzanne sylvia tammy
    ted teresa terry theresa thomas tim timothy tina todd tom tommy tony tracy travis trevor troy tyler
    vanessa victor victoria vikram vince vincent walter warren wayne wendy will william zach zachary
    pete mick mick barry stew stu jose gustavo eduardo fernando francisco juan javier alejandro
    """
)
"""If capitalised, alone or before another name, these are speakers, not subjects."""


MEASURES = words_of(
    """sales revenue revenues margin margins income cost costs expense expenses volume volumes price prices traffic
    order orders demand ebitda ebit earnings profit profits shipments comps backlog utilization occupancy
    production capex inventory inventories rates bookings deposits subscribers debt utilisation noi ffo opex
    sg&a fees leads premiums losses claims charges rents deliveries
    """
)
"""Quantities that go up and down."""

LISTED = (
    _NEVER_IN_PHRASE
    | _VERB_FORMS
    | _ALSO_NOUNS
    | NOUN_ING
    | ADJECTIVAL_ED
    | _NOUNS_LIKE_ADJECTIVES
    | EMPTY
    | _ADJECTIVES
)
"""Every word with a class of its own."""
