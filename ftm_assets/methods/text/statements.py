"""Statements: phrases that are about the call whatever else the sentence says, grouped by kind.

Patterns are RE2 (Arrow's engine: no look-around, linear in the length of the text) and ignore case except within
`(?-i:`. They are matched on sentences without hesitations and stammers and with straight apostrophes
(`procedural.normalized`). `procedural.py` applies them.
"""

from __future__ import annotations

_UP_TO = r"(?:[\w'&,-]+ ){{0,{}}}"


def _some(n: int) -> str:
    """Return a pattern for up to `n` words of any kind."""
    return _UP_TO.format(n)


CALL = r"(?:(?:conference|earnings|results|investor|update|video|business|analyst) )*(?:call|webcast|teleconference)"
Q_AND_A = r"(?:q ?(?:&|and)? ?as?\b|questions?(?: and | ?& ?|-and-)answers?)"
ROLE = (
    r"(?:investor relations|relations|officer|president|treasurer|controller|chairman|chairwoman|chair"
    r"|director"
    r"|ceo|cfo|coo|cto|cio|evp|svp|vp|v\.p|head of [\w ]+|counsel)"
)
NAME = r"(?:(?:mr|ms|mrs|dr)\.? )?(?-i:[A-Z]\pL[\pL'-]*|[OD]'[A-Z]\pL+|[A-Z]\.(?:[A-Z]\.?)?)"
BY_NOW = r"(?:this morning|this afternoon|this evening|today|yesterday|last night|earlier|last evening)"
PAPER = (
    r"(?:slides?|slide deck|deck|presentations?|press releases?|news releases?|earnings releases?"
    r"|releases?|materials?"
    r"|documents?|prepared remarks|shareholder letter|supplement(?:s|al|ary)?|financial tables?|reports?"
    r"|transcripts?)"
)

EXEMPT = (
    # Remarks before handing over, and thanks to people in the business, are about the business.
    r"\b(?:before|as) (?:i|we|turning|going|opening|moving|handing|closing) .*"
    r"\b(?:updat|address|highlight|reiterat|reinforc|emphasi[sz]|discuss|thank|announc|shar(?:e|ing))",
    r"\b(?:thank|acknowledge|grateful|appreciat)\w*\b.*\b(?:employees|colleagues|associates|front-? ?line"
    r"|team members|workers"
    r"|(?:our|their) (?:\w+ )?(?:customers|partners|people|teams?))\b",
    r"\b(?:employees|our people|workforce|our teams?|facilit\w+|plants?)\b.*\b(?:safe|healthy|safely)\b",
    r"\bwe (?:remain|continue to (?:be|see|expect|focus|invest|make))\b",
)

STATEMENTS: dict[str, tuple[str, ...]] = {
    "safe_harbour": (
        r"\bforward[- ]?looking (?:\w+ ){0,2}(?:statements?|information|comments|remarks|projections"
        r"|nature)\b",
        r"\bsafe[- ]harbou?r (?:\w+ ){0,2}(?:statements?|disclaim\w*|language|provisions?|notice|slide"
        r"|message|for forward|act|of the)\b|\bread the safe\b",
        r"\b(?:differ\w*|vary) (?:\w+ )?(?:materially|significantly|substantially) from\b|\bcould"
        r" differ\w*\b|\bvary materially\b",
        r"\bmaterially (?:differ|from (?:those|these|the))",
        rf"\b(?:no|any|not) {_some(4)}(?:obligations?|duty|intention) .*\b(?:updat|revis|correct|supplement)",
        rf"\b(?:undertakes?|assumes?|assuming) {_some(2)}no (?:obligation|duty)",
        rf"\b(?:risks?|uncertaint(?:y|ies)|factors) {_some(8)}(?:described|discussed|detailed|set forth"
        rf"|outlined|included|identified"
        r"|contained|listed|found|mentioned) .*\b(?:10-?[kq]|8-?k|20-?f|sec|filings?|filed|release"
        r"|securities|report)\b",
        rf"\b(?:subject to|involves?|contains?|face) {_some(6)}risks?(?:,| and) {_some(2)}(?:uncertaint"
        rf"|factors|assumptions)",
        r"\bsecurities (?:and|&) exchange commission\b",
        r"\bsec(?:'s)? (?:filings?|reports)\b",
        r"\b(?:filed|filings|file) with the sec\b",
        r"\bprivate securities litigation\b",
        rf"\brisk factors? {_some(2)}(?:section|described|discussed|disclosed|in our|listed)",
        rf"\b(?:statements?|information|comments|remarks) {_some(8)}(?:speaks?|made|reflects?|valid"
        rf"|accurate) {_some(2)}as of\b",
        r"\bonly as of (?:the date|today|their|this)",
        r"\btime[- ]sensitive\b",
        rf"\bstatements? {_some(6)}(?:based on|reflect) .*\b(?:expectations|assumptions|beliefs|estimates)\b",
        r"\b(?:guarantees?|assurances?) of future (?:performance|results)",
        r"\bcautionary (?:statements?|language|note)",
        r"\bfor (?:more|further|additional|a full|a complete|a) (?:information|details?|discussion"
        r"|description) .*\b(?:risks?|10-?[kq]|filings?)\b",
        r"\blegal (?:disclaimer|notice)|\bdisclaimers?\b",
    ),
    "measures": (
        r"\bnon-? ?gaa?p (?:\w+ ){0,3}(?:measures?|metrics|information|disclosures?|items)\b",
        r"\b(?:in|on|during) (?:this|our|today's) (?:discussion|call|presentation) (?:are|is|will be)"
        r" (?:stated|presented|shown|on)\b",
        r"\breconcil(?:iations?|ed|es?|ing)\b.*\b(?:gaap|measures?|press release|website|slides?|appendix"
        r"|presentation)\b",
        r"\b(?:gaap|non-? ?gaap|measures?)\b.*\breconcil",
        r"\bnot {0}(?:a |as a )?substitutes? for\b".replace("{0}", _some(2)),
        r"\bnot be considered {0}(?:superior|alternatives?|in isolation)".replace("{0}", _some(3)),
        r"\bunless (?:otherwise )?(?:stated|noted|indicated|specified|specifically)",
        r"\botherwise (?:stated|noted|indicated|specified)\b",
        r"\ball (?:figures|numbers|amounts|comparisons|dollar amounts|references) {0}(?:are|will be"
        r"|refer)".replace("{0}", _some(10)),
    ),
    "logistics": (
        r"\bsection of (?:our|the company's|the) (?:corporate )?web ?site for\b",
        r"^\W*(?:and |so |now )?as (?:shown|seen|you can see|you see) on (?:slide|page) [\w-]+\W*$",
        r"^\W*(?:and |so |now )?(?:moving|turning|going|move|turn|go) (?:on )?to the next (?:slide|page)\W*$",
        r"\b(?:webcast|replay|transcript|recording|rebroadcast)s?\b.*\b(?:available|post(?:ed)?|access\w*"
        r"|archived?|web ?site|live|call)\b",
        rf"\b(?:call|conference|presentation|event|meeting) {_some(3)}(?:being |is |be )(?:\w+"
        rf" )?(?:recorded|webcast|broadcast|archived)",
        rf"\b{PAPER}\b.*\b(?:post|posted|available|found|access\w*|download\w*|located|distributed|issued"
        rf"|published|released|refer)\b"
        rf".*\b(?:web ?site|web site|on the web|investor relations|{BY_NOW}|\w+\.com)\b",
        rf"\b(?:posted|issued|published|distributed|put out|made available"
        rf"|released)\b.*\b{PAPER}\b.*\b(?:web ?site|web|{BY_NOW}|available|market close)",
        rf"\b(?:see|find|refer to|accompany|follow along|reference|referencing|referring to|use|using)"
        rf" {_some(5)}(?:slides?|presentation|deck)\b"
        rf".*\b(?:web ?site|webcast|{BY_NOW}|call)\b",
        r"\binvestors?(?: relations)?(?:'s)? (?:section|page|portion|tab|web ?site|web site|site)\b",
        r"\binformation (?:about|on) how to access\b|\bposted (?:a|the|our) (?:transcript|presentation"
        r"|slides)\b|\baccompanying (?:slides?|presentation)\W*$",
        rf"\bavailable {_some(4)}(?:on|at|in|through|from) {_some(3)}(?:company's |corporate |our"
        rf" )?(?:web ?site|web site|www\S+)",
        r"\blisten[- ]only\b",
        r"\bon mute\b|\bunmute",
        r"\bstar (?:one|1|key)\b|\bpress (?:the )?(?:\*|#|star|pound)|\bkeypad\b|\bdial-?in (?:number"
        r"|info|detail)|\bsame dial",
        r"\b(?:hold|stay|remain|back) on the line\b|\bstand ?by\b",
        # "We hold the line on price" is business.
        r"\bplease (?:continue to )?hold\b|\bbe right back with you\b",
        r"\btechnical (?:difficult(?:y|ies)|glitch)|\b(?:apologies|sorry|apologize) for .*\btechnical\b",
        rf"^\W*(?:(?:and|so|now|then|okay|if|please) )*{_some(5)}(?:turn|turning|go|going|move|moving"
        rf"|look|flip|refer|start|starting|jump) "
        rf"{_some(4)}(?:slide|page)s?(?: numbers?)? [\w-]+(?: (?:and|through|to) [\w-]+)?\W*(?:(?:of|in)"
        rf" (?:the|our|that) (?:presentation|deck|slides?|materials?))?\W*$",
        r"^\W*(?:and |so |now )?(?:on )?(?:(?:the )?next (?:slide|page)|(?:slide|page)(?: number)?"
        r" [\w-]+)\W*(?:please)?\W*$",
        rf"\b(?:contact|call|reach out to|follow up with|email|reach) {_some(4)}(?:investor relations|ir"
        rf" team|ir department)\b",
        rf"\b(?:refer|direct|point) (?:\w+ )?to {_some(6)}(?:press release|earnings release|web ?site"
        rf"|filings?|disclosures?|10-?[kq])\b",
        rf"\b{BY_NOW},? (?:\w+ )?(?:we|the company|\w+) (?:\w+ )?(?:issued|announced|released|published"
        rf"|reported|posted) .*\b(?:results|release)\b\W*$",
        rf"\b(?:please|hesitate to|free to|can|could) (?:\w+ )?(?:contact|call|e-?mail|reach (?:out"
        rf"|back)) {_some(3)}(?:us|me|investor relations|ir team)\b",
    ),
    "turns": (
        r"\bstick to .*\bquestions?\b|\bready to tackle questions\b",
        r"\bready for (?:the|our|your) (?:first|next) question\b|\bline is (?:now )?open\b|\bstanding by\b",
        r"\bturn to your (?:\w+ )?question\W*$",
        rf"\b(?:turn|hand|pass|give|open)(?:ing|ed|s)? {_some(3)}(?:call|program|conference|floor|lines?"
        rf"|presentation|meeting|things|time|webcast|discussion|phones?|word)"
        rf"(?: back)?(?: now)? (?:over|up|to|back|for)\b",
        r"\b(?:turn|hand|pass|throw|toss|kick)(?:ing|ed)? (?:it|this|that|things|you)(?: now)?"
        r"(?: back)?(?: (?:over|off|back|on)(?: to\b|\W*$)| to\b)",
        rf"\b(?:turn|hand|pass|handing|turning|passing) {_some(2)}over(?: now)? to\b",
        rf"\bopen (?:it|this|the \w+)? ?(?:up )?{_some(3)}(?:for|to) (?:\w+ )?(?:questions|{Q_AND_A})",
        rf"\b(?:happy|ready|pleased|glad|available|time|here|back) to {_some(2)}(?:take|answer|address"
        rf"|respond to|entertain|field) {_some(5)}questions?\b",
        rf"\b(?:take|answer|address|entertain|field|respond to|open for|move to|go to|begin with|proceed"
        rf" to) (?:(?:any|your|some|all|the|a|few|more|of|further|additional|as|many|our|first|next"
        rf"|couple|analyst|remaining) )*(?:questions?|{Q_AND_A})\b\W*(?:$|today|now|at this|after|during"
        rf"|from you|you may|you might|operator|please)",
        rf"\b(?:questions?|{Q_AND_A}) (?:session|portion|period|section|part)\b",
        rf"\b(?:move|proceed|go|over|turn|get|on|open|followed by|before|during|begin|start|ready)"
        rf" {_some(3)}{Q_AND_A}",
        r"\b(?:next|last|final|first) (?:question|caller)s? (?:please|comes?|is from|from|is coming|will"
        r" (?:come|be (?:from|asked|done|made))|operator)\b",
        r"\b(?:take|move on to|move to|go to|have) (?:our|the|one|a) (?:next|last|final|first|more)"
        r" question\b|\bready (?:to open up |to take |for )+(?:any |your |the )?questions\b",
        r"\b(?:feel free|like|want|wish|wishes) to ask (?:a |any |your )?question.*\b(?:press|dial|star"
        r"|raise|please)\b|\bfeel free to ask\b",
        r"^\W*(?:(?:and|our|operator|the|okay|so|can we|could we|may we|have|take|go to|get|let's|we'll"
        r"|move to|great|thanks|thank you),? )*next (?:question|caller)\W*(?:please|operator)?\W*$",
        rf"\b(?:time|room|around|available) {_some(3)}for {_some(3)}(?:questions?|one more|last one"
        rf"|follow[- ]?ups?)\b",
        r"\b(?:any|are there|there are) (?:any |some |more |further |other |additional )+questions\W*$",
        r"\b(?:come|came|coming|at|reached) (?:to )?the end of (?:our|the|this|today's) (?:\w+"
        r" ){0,3}(?:call|session|presentation|prepared|conference)\b",
        r"\bno (?:more|further|other|additional) questions\b",
        r"\b(?:hop|jump|get|go|step|drop|fall|come|put|back|join|rejoin"
        r"|yourself)(?: \w+){0,3} (?:the )?queue\b|\brequeue\b",
        r"\bqueue\W*$|\bqueue for questions\b|\blined up\b.*\bquestions?\b",
        r"\b(?:take|have|give\w*|hand\w*) (?:\w+ ){0,2}the floor\b|\byour floor\b",
        r"\bfloor is (?:yours|open)\b|\bhave the floor\b",
        r"\bgo ahead(?:,? please| and ask| with your question|,? \pL+)?\W*$|\bplease (?:go ahead|proceed)\b",
        rf"\b(?:concludes?|concluded|concluding|ends?|wraps? up|completes?|closes?) {_some(3)}(?:{CALL}"
        rf"|prepared (?:remarks|comments|portion|presentation)|formal (?:remarks|comments)|today's"
        rf"|conference|{Q_AND_A}|(?:my|our) (?:remarks|comments|presentation|prepared|section|part))\b",
        r"\bthat (?:concludes|completes|wraps up)\b",
        r"\b(?:with|for|to|begin|make|makes?|conclude|following|after|beyond|finish|end|complete|close"
        r"|start) (?:\w+ |company's ){0,3}(?:prepared|opening|closing|formal|introductory|concluding)"
        r" (?:remarks|comments|statements)\b",
        r"\b(?:closing|concluding|final|opening) (?:remarks|comments)\b\W*$",
        rf"\b(?:toss|kick|hand|pass|turn|return) (?:it |that |this |the call )?(?:back )?to {NAME}\b",
        r"\b(?:back|over) to (?:the )?operator\b|\bover to you\b|\bback over to\b",
        rf"\blimit {_some(3)}(?:questions?|yourself|yourselves)\b",
        r"\b(?:i'll|i will|let me|i'd like|we'll|i would) {0}(?:let|ask|invite|turn to|go to|have) {1}"
        r" (?:\w+ )?(?:to )?(?:answer|take|comment|address|add|start|talk|speak|respond|jump in|handle"
        r"|chime in)(?: (?:on|to|about|with))?(?: (?:that|this|it|the (?:first|second|last|question)\w*"
        r"|one|more|first|\w+ question))*\W*$".replace("{0}", _some(2)).replace("{1}", NAME),
        rf"^\W*(?:(?:so|and|okay|well|thank you|thanks) ?,? )*(?:with that|at this (?:time|point)),?"
        rf" (?:operator|{NAME})\b.{{0,40}}$",
    ),
    "opening": (
        rf"\bon the (?:{CALL}|line|phone) with (?:me|us)\b|\b(?:with|have|make|offer) (?:very |some "
        rf"|a few )?brief (?:comments|remarks)\b",
        rf"\bwelcome,? {_some(14)}(?:to .*)?\b(?:{CALL}|conference|results release|earnings release"
        rf"|quarter results|business update|presentation)\b",
        rf"\b(?:join(?:ing|ed)?|with|participating|presenting|speaking|here|present)\b {_some(4)}(?:on"
        rf" (?:the|our|today's|this) (?:\w+ )?(?:{CALL}|line|phone)|today|this (?:morning|afternoon"
        rf"|evening)|in the room|with me|by our|from)"
        rf"\b.*\b(?:is|are|be|have|were|by)\b.*{NAME} {NAME}",
        rf"\b(?:have|ask|let) {NAME}(?: {NAME})?,? (?:to )?(?:answer|take|address|respond to|comment on"
        rf"|speak to) (?:that|this|it|those|the) ?(?:questions?|one)?\W*$",
        rf"^\W*(?:(?:so|and|then) )?(?:(?:on )?(?:the call|today's call|the call today|today),?"
        rf" )?you(?:'ll| will) hear from {NAME}|\bvisit (?:our|the company's|the) web ?site\b",
        rf"^.{{0,25}}\bon (?:the|our|today's|this) (?:\w+ )?{CALL} {_some(4)}(?:is|are|we have|with me"
        rf"|with us|with)\b",
        rf"\b(?:i'm|i am|we are|we're) (?:also )?(?:here )?joined {_some(3)}by\b",
        rf"\bjoining (?:me|us|\w+) {_some(4)}(?:is|are|will be)\b|^\W*joining (?:me|us) (?:on|today|this"
        rf"|here|in)\b|\bwith us (?:this morning|today|this afternoon),",
        rf"^\W*(?:(?:and|so|hi|hello|good \w+|everyone|thank you|thanks) ?,? )*(?:my name is|i'm|i am"
        rf"|this is|it's) {NAME}(?: {NAME})+.*\b{ROLE}\b",
        rf"^\W*(?:and |also |then )?(?:(?:mr|ms|mrs|dr)\. )?{NAME}(?: {NAME}){{1,3}},? (?:is |is also "
        rf"|who is )?(?:our |the |as |and )?{_some(6)}{ROLE}\b",
        r"\bbefore (?:we|i|\w+) (?:begin|begins|start|starts|get started|get going|proceed|turn|move on"
        r"|open)\b.*\b(?:remind|note|caution|few reminders|housekeeping|mention|read|disclaimer)",
        rf"\b(?:accompanied|joined) {_some(6)}by .*\b{ROLE}\b",
        rf"^\W*(?:and |so )?(?:today )?we (?:also )?(?:have|are here with) {NAME} {NAME},? .*\b{ROLE}\b",
        rf"\bintroduc(?:e|ing) {_some(12)}(?:speakers|host|today's call|participants)\b",
        r"\b(?:should|may) have (?:\w+ )?(?:received|access to|seen) {0}(?:release|presentation|slides"
        r"|materials)\b".replace("{0}", _some(5)),
        rf"\b(?:will|i'll|we'll|i'd like to|going to|gonna|would like to|want to) {_some(3)}(?:begin"
        rf"|start|open|kick off|provide|give|review|discuss|go through|walk|take you|cover|present|run"
        rf" through|comment|speak|talk|share|follow|make|conduct|hold|read|be discussing|be reviewing)\b"
        r".*\b(?:remarks|overview|agenda|financials|(?:financial|quarterly?|year|business|operating"
        r"|operational) (?:results|performance|highlights|review)|our results|highlights|the presentation"
        r"|the call|prepared|the quarter in|some updates)\b",
        r"\b(?:today|now|then|first|on the call|i|we),? (?:\w+ )?(?:will|have|is going to)"
        r" .*\b(?:updates? to share|(?:question|q).{0,12}session)\b",
        rf"\bthe purpose of (?:this|today's|the) {CALL}|\btoday's agenda\b",
        rf"\b(?:thanks|thank|thanking|appreciate) {_some(12)}(?:join us|joining|attending|participating"
        rf"|listening|dialing"
        rf"|tuning)\b",
        rf"^\W*(?:and |then |finally |next |later (?:in|on) the call,? )?{NAME}(?: {NAME})? will (?:now "
        rf"|then |also )*(?:provide|give"
        rf"|discuss|review|talk|speak|cover|comment|take|present|walk|follow)\b",
        r"\b(?:i|we) welcome you\b|\blet's get (?:started|going)\b|\bfollow me (?:on|to) (?:the"
        r" )?(?:slide|page|next slide)\b",
    ),
    "closing": (
        r"\b(?:be|are) around (?:all|the rest|throughout|later|today)\b|\b(?:we're|we are|i'm|i am"
        r"|be) (?:also )?pleased to welcome {0}\b".replace("{0}", NAME),
        rf"^.{{0,60}}\blook(?:ing|s)? {_some(2)}forward to {_some(3)}(?:speak|speaking|talk|talking"
        rf"|(?:see|seeing) (?:you|everyone|all|many)|(?:updating|update|keeping|giving|providing) you"
        rf"|meet|meeting (?:with )?(?:you|everyone)|connecting|reporting(?: back)?|welcoming|catching up"
        rf"|your questions|our"
        rf" next|hearing from|having you|continuing (?:our|the) (?:conversation|dialogue))\b",
        r"^.{0,60}\blook(?:ing|s)? forward to .*\b(?:next|future|upcoming) (?:\w+ )?(?:call|conference)\b",
        r"\b(?:talk|speak|see|seeing|talking|speaking)(?: to| with)? (?:you|everyone|all)(?: guys| all)?"
        r" (?:again|soon|later|next|then|in)\b",
        rf"\b(?:enjoy (?:the|your|this|a)|have an? (?:good|great|nice|wonderful|lovely|safe|happy"
        rf"|pleasant|fantastic|blessed)|wish\w* (?:you|everyone|everybody|all)) {_some(5)}(?:day|evening"
        rf"|weekend|morning|afternoon|week|night|holidays?|season|summer|winter|thanksgiving|one)\b(?:"
        rf" .{{0,50}})?\W*$",
        r"\bhappy (?:holidays|thanksgiving|new year|easter)\b|\bmerry christmas\b",
        r"\b(?:stay|keep|be|are|remain|remains|stays|staying|keeping) (?:\w+ )?(?:safe|healthy|well) and"
        r" (?:\w+ )?(?:safe|healthy|well|sound)\b",
        r"\b(?:stay|stays|keep) (?:very )?(?:safe|healthy|well)\W*(?:$|everyone|everybody|and)",
        r"\b(?:bye|goodbye|bye-bye)\b|\btake care(?: \w+| of your\w+)?\W*$",
        rf"\b(?:hope|trust|glad|wish\w*)\b {_some(6)}(?:you|you're|everyone|everybody|everyone's|all"
        rf"|families|family)\b.*\b(?:well|safe|healthy|health|day|evening)\b",
        r"\b(?:may|can) (?:now )?disconnect\b|\blook(?:ing)? forward to (?:it|that)\W*$",
        r"^\W*(?:so |please |and |everyone )*be (?:safe|well)\W*$",
        r"\bcontinue to update (?:you|everyone|as)\b|\breport any (?:\w+ )?updates\b",
        r"^.{0,25}\blook forward to sharing\b",
        rf"\b(?:thank|appreciate) (?:(?:you|everyone|everybody|all) )?{_some(10)}(?:(?:the|your)"
        rf" (?:continued )?(?:interest|support|attention|participation)|interest in)\b",
        rf"\bthanks {_some(6)}(?:(?:the|your) (?:continued )?(?:interest|support|attention|participation)"
        rf"|interest in)\b",
    ),
    "questions": (
        r"\bhang up\b|\btry your call\b|\bexit the call\b",
        r"\bmissed (?:the|your|that|what) .*\bquestion\b|\byou (?:just )?broke up\b"
        r"|\b(?:we )?(?:just )?lost (?:you|him|her|them)\W*$",
        r"\b(?:can|could|do|did|are) you (?:\w+ )?hear (?:me|us|that)\b|\b(?:we|i) can(?: now)? hear"
        r" you\b|\bhear you\b",
        r"\b(?:didn't|did not) get (?:it|that|your|the (?:question|name|last))\b",
        r"\b(?:didn't|did not|couldn't|can't|could not|cannot) (?:\w+ )?(?:hear|catch|write"
        r" down)\b.*\b(?:question|you|that|name|end|part|last)\b",
        r"\b(?:can|could|would|will) you (?:\w+ ){0,3}repeat\b|\brepeat (?:the|your|that|it)\b.*\bquestion",
        r"\bthat(?:'s| is| was|'ll be) (?:it|all|everything) (?:the questions )?(?:i|we) (?:have|had"
        r"|got)\b|\bdelay in getting started\b",
        r"\b(?:that's|that is|that was|that'll be|that will be) (?:really |pretty much |about )?(?:it|all"
        r"|everything)\b (?:\w+ ){0,3}(?:from|for|on) (?:me|my|us)\b",
        r"\b(?:reply|replied|respond|responded|answer|answered)(?: to)? (?:all )?(?:of )?your"
        r" questions?\W*$|\bopportunity to ask\b",
        rf"\bmy questions? {_some(4)}(?:been|was|were) (?:already )?(?:asked|answered)(?: already)?(?:,?"
        rf" (?:so )?thank.*)?\W*$",
        r"\b(?:take|get) (?:it|that|this|the rest|my questions?|them|these)\b.*\boff-?line\b|\brest of my"
        r" questions\b|\bfollow up (?:with you )?offline\b",
        rf"\b(?:line|phone|connection|audio|sound|voice) {_some(4)}(?:dropped|breaking|broke|cut|cutting"
        rf"|bad|idle|muted|disconnected)\b",
        r"\bhope (?:that|this|it|these|i|i've|i have) (?:helps?|answer\w*|clarifies|was helpful)\b",
        r"\bconnection (?:problem|issue)|\b(?:got|understood|understand) your question\b",
        r"\bbreaking up\b|\byou(?:'re| are)? cut(?:ting)? out\b",
        r"\b(?:question|this|it) (?:is|comes|was) (?:\w+ )?from \pL+ \pL+ (?:from|at|with|of)\b",
    ),
}
