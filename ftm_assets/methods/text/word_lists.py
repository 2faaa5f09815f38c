"""Word lists: words that are never keywords, words too general to stand alone, words about the call itself.

Belongs here: lists compiled by reading the keywords and names of real calls. An entry of an inflected list covers all
its inflections (`tokens.normal_form`); an entry of an exact list covers only itself.
"""

from __future__ import annotations

_STOP_EXACT = """
    able absolutely according actual actually additionally again ago ahead ain alright am annual
    annualized anybody anymore anytime anyways apart apologies apologize approximately apr away awesome
    back bad basically basis basis-point basis-points been began begun being best better bigger bit bps
    brought bunch came ceo certainly cfo chairman chief clearly closely com completely congrats
    congratulations coo corp correct couple currently day-to-day definitely did didn directly does doesn
    doing dollar dollars don done double dr entirely especially essentially etc euro euros everybody
    exactly excellent excited exciting executive extremely fairly fantastic far felt fifth finally
    forward fourth frankly fully gave generally gentleman gentlemen given glad going gone gonna good got
    gotcha gotta gotten great guys half happy hasn haven having heard hello helpful hey hi highly
    historically honestly hopefully http https i.e incorporated incredibly initially isn just kept kind
    kinda knew known la ladies largely lastly led left let's like likewise literally llc longer lot lots
    ltd lucky made mainly maybe mean meaning meanwhile monthly mostly moving mr mrs ms near nearly
    necessarily nice now obviously officer oh ok okay ones overall partially particularly partly percent
    percentage pleased plus president pretty previous previously primarily prior probably proud put q&a
    quarterly quickly quite rapidly rather really recent recently reiterate relatively respectively
    right roughly said saw seen senior shortly significantly simply sir slightly somebody somewhat soon
    sooner sorry sort sorta specifically spoke standpoint stuff super sure taken terrific thanks third
    thought today told tomorrow tonight took tremendous tremendously typically ultimately understood us
    usually versus vice vs wanna wasn weekly went weren wonderful wow www ya yeah year-on-year
    year-over-year yearly yep yes yesterday yet yoy yup
    """
"""Function words beyond scikit-learn's list, fillers, titles. For hesitations see `tokens.HESITATION`."""

_MONTHS_AND_DAYS = """
    january february march april may june july august september october november december monday tuesday
    wednesday thursday friday saturday sunday
    """

_NUMBERS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million
    billion trillion dozen hundreds thousands millions billions mid tens twenties
    """

_STOP_INFLECTED = """
    admit afternoon allude analyst answer anticipate appreciate ask assume become begin believe bet bring
    call come comment conference congratulate consider continue curious date day deck delight discuss
    discussion evening expect expectation explain feel folk follow follow-up followup gentleman get give go
    guess guy happen hear help hop hope hour imagine join jump keep know leave let look love luck make
    mention mind minute moment month morning note obvious operator participant period person prepared
    presentation quarter question queue recall refer regard remark remember remind reminder replay say
    second see seem sense show slide sound speak stand standpoint start talk tell thank thing think time
    transcript try turn understand use wait want watch way webcast week weekday welcome wish wonder word
    year yield-back
    """
"""Words about the call itself, words of time, and verbs of speech and thought."""

_WEAK = """
    ability achieve across action activity actual add addition affect align allow alternative amount appear
    approach area aspect assess associate attractive available average avoid backdrop base benefit big
    bought broad build business buy case cause center certain challenge change clarity clear close color
    combine comfortable common company compare comparison complete confidence confident consistent
    contemplate context contrast conversation core couple create current deal decision decline decrease
    deliver describe detail develop difference different difficult direct drive driven driver early easy
    effect effective effort element enable encourage end enjoy ensure environment event example exceed
    execute execution exist expand experience extend fact factor fall fallen fast favorable feature fell
    figure final find firm fit focus form full further future gain general global goal greater grew grow
    grown growth half handle hard heavy high higher highest idea identify impact imply important improve
    improvement include increase incremental individual initial initiative instance interesting issue item
    job key large larger last late later lead least lessen level light likely limited line little live local
    long low lower maintain major majority manage management match matter meaningful measure meet mission
    mix model momentum move multiple natural necessary need new normal normalized number offer offset
    ongoing open opportunity optimistic option order organization outlook outside part particular past
    pattern people performance perspective pick piece place plan play point portion position positive
    possible potential present pressure primary process produce program progress provide purpose quality
    quick range ratio reach react ready real realize reason reduce reduction reflect relate relative remain
    report reported represent require respect respond response rest result review rise risen rose run scale
    scenario section sell sequential set share short side sign significant similar simple single situation
    size small smaller sold solid specific stable stage state statement stay step stop strategic strategy
    strength strong stronger subject substantial success successful support system take target team term top
    total track trajectory trend true type typical unfavorable update value various view visibility weak
    whole win work world
    """
"""Too general to stand alone, but acceptable in a phrase: "price increase", "new stores"."""

_GENERIC_NAME = """
    advanced aerospace air airline america american applied asia asset associate atlantic auto automation
    automotive bank beauty beverage brand brazil british build california canada canadian capital care
    center central chemical china chinese city coast coffee communication community computer consumer credit
    cruise data design device diagnostic digital east eastern electric electronic energy enterprise
    entertainment equipment equity europe european express federal finance financial first food freight fuel
    gas general genetics german germany global gold green health healthcare home hospital hotel imaging
    india industrial industry information innovation insurance interactive international investment japan
    laboratory land life line logistics london machine manufacturing marine market material media medical
    medicine metal mexico mining mobile mortgage motor national natural network new north northern nuclear
    ocean oil one outdoor pacific paper park partner petroleum pharma pharmaceutical pizza plastic platform
    power product property realty renewable research resort resource restaurant retail royal science
    scientific security semiconductor service silver software solar solution south southern sport steel
    storage store street supply support system technology texas therapeutics tobacco tool transport
    transportation union united universal utility video vision waste water west western wholesale wireless
    world worldwide york
    """
"""Words in firm names that are also business words: they are excluded only as part of a whole name."""

WRONG_STOP_WORDS = frozenset({"bill", "fire", "interest", "mill", "system", "top"})
"""Words in scikit-learn's stop list that may be a firm's subject."""

_EMPTY = """
    a about actually add again agenda all already also am an and another any anyone anything appreciate are
    as at back basically be been before beginning bit both buddy but by can clarify closing color colour
    comment correctly could differently do does doing don't dr earlier elaborate else everybody everyone
    everything few finally first folks for from gentlemen give glad guess guys happy have he he's her here
    him his how i i'd i'll i'm i've if in is it it's its just kind know ladies lastly later let let's listen
    little look lot madam made may maybe me mean minute missed moment more mr mrs ms much my not now
    obviously of oh on one operator or our participants patience perhaps pleasure president quickly said say
    second seconds see sense she she's shortly should side sincerely sir so some something sort sounds speak
    statement still take talk team tell terms than that that'll that's the their them then there they think
    this those thoughts through to today too topics touched understanding until up us very wait wanna was way
    we we'd we'll we're we've well were what where which who will with words would yet you you'd you'll
    you're you've your yourself
    """
"""Words that say nothing about the business by themselves."""

MONTHS_AND_DAYS = frozenset(_MONTHS_AND_DAYS.split())
NUMBERS = frozenset(_NUMBERS.split())
EMPTY_WORDS = frozenset(_EMPTY.split())
STOP_EXACT = frozenset(_STOP_EXACT.split()) | MONTHS_AND_DAYS | NUMBERS
STOP_INFLECTED = frozenset(_STOP_INFLECTED.split())
WEAK_INFLECTED = frozenset(_WEAK.split())
GENERIC_NAME_INFLECTED = frozenset(_GENERIC_NAME.split())
