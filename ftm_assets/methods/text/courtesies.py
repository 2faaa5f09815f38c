"""Courtesies: phrases that make a sentence procedural if it says nothing else of substance.

Patterns follow the conventions of `statements.py`. Within a kind, a longer phrase comes before its own beginning
("no problem" before "no"). At each position the kinds are tried in the order given, and the first match is removed.
"""

from __future__ import annotations

from ftm_assets.methods.text.statements import NAME

VOCATIVE = rf"(?:,?(?: and)? {NAME}(?: {NAME}){{0,3}}(?: from {NAME}(?: {NAME})*)?)*"
_VOCATIVE_END = rf",? {NAME}(?: {NAME})?(?:[,.?!…]|$)"

_FOR_WHAT = (
    r"(?:questions?|time|interest|call|colou?r|comments?|commentary|details?|clarifications?|clarifying"
    r"|clarity|answers?|answer"
    r"|follow[- ]?ups?|joining|participation|attention|support|patience|taking|us|me|everyone|you"
    r"|insights?|thoughts|today|morning"
    r"|afternoon|evening|opportunity|that|this|it|update|updates|introduction|help|perspective|context"
    r"|explanation|presentation|discussion|waiting|holding on|audience|encouragement"
    r"|in|all|overview|remarks|feedback|here|again|holding|question|responses?|information|guys|both"
    r"|chance|on|listening)"
)
_WORDS_BEFORE_WHAT = (
    r"(?:your|everyone's|the|all|taking|these|those|joining|being|participating|attending|having|giving"
    r"|sharing|making|answering|allowing|letting|sneaking|ongoing"
    r"|fitting|squeezing|getting|my|our|us|me|today's|and|of|extra|additional|great|good|very|really"
    r"|helpful|more|further|continued|a"
    r"|an|with|to|kind|detailed|thorough|quick|ask|some|any|full|useful|as|well|on|here|so|much|both"
    r"|couple|just|providing|is)"
)

COURTESIES: dict[str, tuple[str, ...]] = {
    "thanks": (
        r"\b(?:many thanks|thanks|thank you|thank|i appreciate|appreciate|appreciated|grateful)\b"
        r"(?:,? (?:so|very|again|a lot|a bunch|much|indeed|kindly|you|guys|all|both|everyone|everybody"
        r"|sir|operator|folks|ladies|and|gentlemen|to our|to|our|listeners|management|team|first of all)\b)*"
        rf"{VOCATIVE}"
        rf"(?:,?(?: and)?(?: for| to)?(?: {_WORDS_BEFORE_WHAT}\b)*,? {_FOR_WHAT}\b)*{VOCATIVE}",
    ),
    "greetings": (
        rf"(?:^\W*{NAME} )?"
        r"\b(?:hi|hello|hey|happy new year|good (?:morning|afternoon|evening|day|night)|greetings|morning"
        r"|(?:a )?(?:very )?(?:warm )?welcome(?: back)?)\b"
        rf"(?:,? (?:to|our|the|all|everyone|everybody|guys|team|management|there|again|listeners"
        rf"|gentlemen|ladies|and|sir|folks|those(?: of you)? in {NAME}|from {NAME})\b)*{VOCATIVE}",
        rf"\b(?:this is|it is|it's|my name is)(?: actually)?(?: {NAME})+(?: (?:here|speaking|on|for"
        rf"|calling|in|filling|from|with|at|of|and|the|&|{NAME})\b)*",
        rf"\b{NAME}(?: {NAME})? (?:here|speaking)\b(?: (?:on|in)? ?for {NAME}(?: {NAME})*)?|\bhere for"
        rf" {NAME}",
        r"\blong time,? no (?:speak|see|talk)\b",
        r"\b(?:nice|good|great|pleasure|delighted|happy)(?: to)? (?:hear|talking|speaking|seeing|meet|see"
        r"|talk|speak|be)(?: to|"
        r" with| from| on| here)?(?: you| your voice| all of you)?\b",
        r"\b(?:how are you|how's it going|hope you're)(?: all| guys)?(?: doing)?(?: well| good| today)?\b",
        r"\bon the (?:call|phone|line)\b",
    ),
    "congratulations": (
        r"\b(?:congrats|congratulations|congratulate|kudos)\b(?:,? (?:again|guys|to|you|all|everyone|on"
        r"|for|the|a|an|your|really|very|great"
        r"|good|nice|solid|strong|terrific|another|such|impressive|outstanding|fantastic|excellent"
        r"|quarter|record|holidays?|next|results?|execution|performance"
        r"|print|job|work|year|numbers|in|this|and|retirement|team|success|of|from|me|well|new|role"
        r"|promotion|tough|challenging|environment|progress|far|deal)\b)*"
        rf"{VOCATIVE}",
        r"\b(?:nice|great|good|solid|strong|terrific|excellent) (?:quarter|results|job|print|work"
        r"|numbers)\b(?: (?:on|in|for|this|the|quarter|guys|everyone)\b)*",
    ),
    "announcements": (
        rf"\b(?:questions?|one|this|that|it|lastly|maybe|perhaps)(?: is| would be| was|'s)?(?: maybe"
        rf"| perhaps)? for {NAME}\b",
        r"\b(?:help (?:us|me) understand|time will tell|come back to|get back to you|nailed it|please hold"
        r"|in retirement)\b",
        rf"\b(?:and )?(?:then |maybe |perhaps )?{NAME} (?:can|will|could|may|might) (?:add|jump in|comment"
        rf"|chime in|take|follow|weigh in"
        r"|elaborate)(?: (?:to|on|that|this|it|one|in|more|here|as|well)\b)*\b",
        rf"\b{NAME} (?:already )?(?:covered|answered|addressed) (?:it|that|this)\b"
        rf"|\bi'll be (?:very )?(?:brief|quick)\b",
        r"\b(?:happy|pleased|glad) to (?:take|answer|address)(?: (?:that|this|it|the|one|question|first"
        r"|second)\b)*\b",
        r"\b(?:ask|take|sneak|squeeze|have|got|with|get|had|try|a|an|one|two|three|four|few|my|the"
        r"|another|last|first|second|third|next"
        r"|final|quick|other|more|follow[- ]?up|brief|short|simple|additional|couple|couple of|different"
        r"|big picture|bigger picture|high[- ]level|general|broad|broader|like|your|just|that|this)"
        r" (?:(?:in|just|a|an|one|two|three|four"
        r"|couple|of|few|my|the|another|last|first|second|third|next|final|quick|other|more|follow[- ]?up"
        r"|brief|short|simple|additional|part|different|related|bigger|big|picture|high|level|high-level"
        r"|general|broader|broad|modeling|model|small|technical) )*"
        rf"(?:questions?|follow[- ]?ups?|clarifications?)\b(?:(?: (?:is|was|would be|maybe"
        rf"|perhaps)\b)* for {NAME}\b)?",
        r"\b(?:one|two|three|couple|few|quick|last|another|final) (?:quick |last |final |more |other "
        r"|little |of |different )*(?:more|one|ones|things?|items?)\b",
        r"\b(?:great|good|excellent|fair|interesting|important|tough|real|valid|reasonable|fantastic"
        r"|terrific|perfect) (?:questions?|points?)\b",
        r"\bhousekeeping (?:questions?|items?|matters?|points?|topics?|notes?)\b|\bif (?:i|we) (?:may|can"
        r"|could|might)(?: just)?(?: add)?\b",
        r"\bleave it (?:there|at that)\b|\b(?:let me )?(?:take|for|give you|have|given) (?:the|this"
        r"|another|an) opportunity\b|\bdo you mind\b",
        r"\b(?:let me|i'll|i will|i can|i'd|let|we'll|maybe) (?:\w+ )?(?:take|reply|start|answer|address"
        r"|handle|begin|try|jump in|comment|follow up|clarify|add"
        r"|clear|go|respond|say|cover)(?: (?:that|this|it|up|the|first|one|on|your|question|questions"
        r"|second|off|to|and|part|then|maybe|answer|up|front|of|here|last|third|by|for|you|with|easier"
        r"|easy|latter|former|a|couple|things|few|quick|points|both)\b)*\b",
        r"\b(?:do you )?(?:want to|wanna) (?:touch on|take|answer|add|comment|talk|speak)(?: (?:to|on"
        r"|about|through|this|that|it|those|one|first)\b)*\b",
        r"\bbefore we (?:get )?(?:start|started|begin)\b",
        r"\bfollow[- ]?ups?\b|\bfollowing up\b|\bfollow up\b",
        r"\b(?:switch|switching|change|shift|shifting) (?:gears|topics|subjects)\b",
        r"\b(?:in|from|during) (?:the|your|my) (?:prepared |opening |earlier )?(?:remarks|comments)\b",
        r"\b(?:ask|asking|asked|sneak|squeeze|throw|wondering|wonder|curious|wanted|want|like|love|hope"
        r"|question|questions)\b",
        r"\b(?:my side|our side|offline|answered|answer|answers|answering|asked|mention(?:ed)?|covered"
        r"|referring"
        r"|heard|hear|hearing)\b",
    ),
    "acknowledgements": (
        rf"\bas {NAME} (?:said|mentioned|noted|pointed out|described|alluded to)(?: earlier| before)?\b",
        r"\bkeep up(?: the (?:good|great) work)?\b|\b(?:that|this) point\b",
        r"\b(?:did|do) i hear (?:that|you|it)(?: right| correctly)?\b|\bgo ahead\b|\bmore on (?:that|this"
        r"|it)\b",
        r"\bin (?:a|one|just a) (?:minute|moment|second|bit)\b",
        r"\b(?:cover|discuss) (?:two|three|four|a few|several) (?:topics|things|areas|points)\b",
        rf"\bagree(?:d)?(?: (?:with|completely|totally|fully|that|you|him|her|{NAME}|on|to|all))+\b",
        rf"\b(?:okay|ok|sure|thanks|perfect|got it|understood|exactly|yes|yeah|hey|hi|morning),? {NAME}\b"
        rf"|\b{NAME}(?:'s| is) right\b",
        r"\b(?:good|best of|lots of) luck\b(?: (?:to|with|in|on|for|the|you|guys|all|everyone|next|rest"
        r"|of|year|quarter|back|half|everything)\b)*",
        r"\b(?:no problem|no worries|not really|not at all|good stuff|okay|ok|alright|all right|right|yes"
        r"|yeah|yep|yup|no|nope|sure|great|perfect|excellent|good|fine|wonderful|fantastic"
        r"|terrific|awesome|cool|gotcha|got it|got you|understood|understand|alrighty|wow|afternoon"
        r"|exactly|correct|absolutely|definitely|certainly|indeed"
        r"|of course|fair enough|interesting|true|mm-?hmm|uh-huh|mhm|please|sorry|apologies|apologize"
        r"|excuse me|pardon|you're welcome"
        r"|my pleasure|helpful(?: (?:perspective|context))?|makes? (?:perfect |total |a lot of |good"
        r" )?sense|fair|i see|agree|agreed|likewise"
        r"|best wishes|well done|lovely|you bet|super|nice|thing|all the best|really|clear|useful"
        r"|encouraging)\b"
        rf"(?:{_VOCATIVE_END})?",
        r"\b(?:as|like) (?:i|you|we) (?:said|say|mentioned|know|noted|can imagine|can see)(?: (?:before"
        r"|earlier|already))?\b|\bby the way\b|\bto be honest\b",
        r"\b(?:i|we) (?:don't|do not|didn't|can't|cannot) (?:know|remember|recall|get)\b|\bi'm not sure\b"
        r"|\blet's see\b|\bif you (?:will|like|want|wanna)\b",
        r"\b(?:i )?(?:can |could |will )?(?:give|take)(?: you)? (?:one|an|another) example\b|\bfor example\b",
        r"\b(?:i|we|it|they|he|she|that) (?:do|does|did|didn't|don't|doesn't|is|was|isn't|have|has|am|are"
        r"|will|would)\W*$",
    ),
}

# Forms of address: a name between commas or after the sentence's last comma; OPENS_WITH_NAME applies once the
# courtesies are removed.
SPOKEN_TO = (
    r"^\W*(?:(?:well|yeah|yes|yep|so|and|hi|hey|hello|okay|sure|no|sorry|right|great|thanks|now|but|again"
    r"|oh|then|maybe),? )+"
    rf"{NAME}(?: {NAME})?,",
    rf",(?: and)? {NAME}(?: {NAME})?(?:,? (?:and )?{NAME}(?: {NAME})?)*(?:,|\W*$)",
    # A single word is an answer or addresses someone.
    r"^\W*[\pL'-]+\W*$",
)
OPENS_WITH_NAME = rf"^\W*{NAME}(?: {NAME})?,"

# Words that on their own say nothing about the business.
EMPTY_WORDS = (
    r"a|about|actually|add|again|agenda|all|already|also|am|an|and|another|any|anyone|anything|appreciate"
    r"|are|as|at|back|basically|be|been|before|beginning|bit|both|buddy|but|by|can|clarify|closing|color"
    r"|colour|comment|correctly|could|differently|do|does|doing|don't|dr|earlier|elaborate|else|everybody"
    r"|everyone|everything|few|finally|first|folks|for|from|gentlemen|give|glad|guess|guys|happy|have|he"
    r"|he's|her|here|him|his|how|i|i'd|i'll|i'm|i've|if|in|is|it|it's|its|just|kind|know|ladies|lastly"
    r"|later|let|let's|listen|little|look|lot|madam|made|may|maybe|me|mean|minute|missed|moment|more|mr"
    r"|mrs|ms|much|my|not|now|obviously|of|oh|on|one|operator|or|our|participants|patience|perhaps|pleasure"
    r"|president|quickly|said|say|second|seconds|see|sense|she|she's|shortly|should|side|sincerely|sir|so"
    r"|some|something|sort|sounds|speak|statement|still|take|talk|team|tell|terms|than|that|that'll|that's"
    r"|the|their|them|then|there|they|think|this|those|thoughts|through|to|today|too|topics|touched"
    r"|understanding|until|up|us|very|wait|wanna|was|way|we|we'd|we'll|we're|we've|well|were|what|where"
    r"|which|who|will|with|words|would|yet|you|you'd|you'll|you're|you've|your|yourself"
)
