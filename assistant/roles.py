"""What each sentence of an abstract does: background, aim, method, result or limit.

A score per role from cue words and from the sentence's place among the others, as abstracts run from what is wrong to
what was found; the best score wins (the roles are those of argumentative zoning, Teufel and Moens 2002). English only.
`python -m tests.benchmarks.roles` measures it on abstracts labelled by hand.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

from index_store import Paper, sentences

from .followups import short_name


class Role(StrEnum):
    """What a sentence does in its abstract."""

    BACKGROUND = "background"
    AIM = "aim"
    METHOD = "method"
    RESULT = "result"
    LIMIT = "limit"


def _cues(*weighted: tuple[float, str]) -> list[tuple[float, re.Pattern[str]]]:
    return [(weight, re.compile(rf"\b(?:{words})", re.IGNORECASE)) for weight, words in weighted]


_CUES: dict[Role, list[tuple[float, re.Pattern[str]]]] = {
    Role.BACKGROUND: _cues(
        (1.6, r"however\b|yet\b|although|despite|unfortunately|nevertheless"),
        (1.4, r"most (?:of )?(?:\w+ )?(?:existing|current|work|method|approach|benchmark)|existing (?:\w+ )?(?:method|approach|work|model|extension)|"
              r"(?:earlier|prior|previous|past) (?:work|stud|research|method|approach|effort)|current (?:way|method|approach|practice)|"
              r"traditional|conventional|in recent years|recently\b|lately|to date|so far\b|state of the art in|attempts? to|pioneering"),
        (1.2, r"is (?:a|an|the) (?:popular|important|crucial|critical|central|fundamental|key|core|long-standing|common|well-known|classical|"
              r"principled|versatile|challenging|notorious|hard|promising)|(?:remains?|is) (?:a )?(?:challenge|challenging|unclear|difficult|hard|an open|poorly|little)|"
              r"(?:has|have) (?:attracted|become|been|made|brought|shown great|transformed|led|received|seen|had great|given|achieved|emerged|proved)"),
        (1.0, r"usually|typically|often\b|normally|frequently|commonly|widely|generally|mostly|tend to|in practice|practitioners|"
              r"suffers?|struggles?|lacks?\b|costly|expensive|obstacles?|bottleneck|fails? to|limited by|neglect|overlook|call for|"
              r"demand|motivat|crucial|essential|attractive|desirable|pressing"),
    ),
    Role.AIM: _cues(
        (2.8, r"we (?:\w+ )?(?:propose|present|introduce|study|investigate|develop|address|describe|ask|consider|explore|examine|aim)\b|"
              r"this (?:paper|work|study|article|thesis) (?:\w+ )?(?:propos|present|introduc|stud|investigat|develop|address|describ|ask|consider|explor|examin|aims|offers|probes|tackles)|"
              r"the (?:paper|work|study|article|authors) (?:\w+ )?(?:propos|present|introduc|stud|investigat|develop|address|describ|ask|consider|explor|examin|aim|offer|probe|tackle)"),
        (2.4, r"is (?:proposed|presented|introduced|put forward|studied|investigated|developed|examined|cast here|explored|described|addressed)|"
              r"are (?:proposed|presented|introduced|put forward|studied|investigated|developed|examined|explored|described)|proposed here|studied here|"
              r"investigated here|examined here|here as\b|the (?:proposed|novel|new)\b|is a (?:\w+[ -]){0,4}(?:novel|new)|reported here|for the first time"),
        (1.2, r"to (?:address|close|fill|tackle|meet|overcome|remedy|this end|bridge)|in order to|goal|aims? (?:to|at)|seek|purpose|motivated by|"
              r"(?:framework|method|approach|benchmark|data ?set|model|system|algorithm|architecture|challenge) (?:that|which|for|of|designed|called|named)\b"),
    ),
    Role.METHOD: _cues(
        (1.3, r"by (?:\w+ly )?\w+ing\b|using\b|uses?\b|is (?:trained|built|learned|obtained|computed|used|based|pre-trained|fine-tuned|optimi[sz]ed|combined|applied|split)|"
              r"are (?:trained|built|learned|obtained|computed|used|based|combined|applied|collected|converted|merged|kept|retained|gathered|drawn)"),
        (1.1, r"combines?|consists? of|compris|relies on|rests? on|employ|builds? (?:on|upon)|works? (?:by|in)|based on|stage|step\b|steps\b|module|loss\b|"
              r"encoder|decoder|objective|algorithm|procedure|strateg(?:y|ies)|mechanism|component|first\b.*\bthen\b|specifically|namely|in which|where\b|"
              r"assum|formulat|paramet|initiali[sz]|distill|annotat|collect|each\b|takes? as input|treats?|learns?|merges?|maps?\b|splits?"),
    ),
    Role.RESULT: _cues(
        (1.6, r"(?:central|main|key) (?:result|finding)|proved? (?:no )?(?:better|worse)|competes? with|covers? (?:almost|nearly|all)|cannot be"),
        (2.0, r"(?:experiment|evaluation|test|stud(?:y|ies)|ablation|analysis|analyses|simulation|benchmark|result|finding|comparison|theory|proof|trial)s?\b"
              r"[^.]{0,80}\b(?:show|demonstrat|confirm|reveal|indicat|establish|suggest|find|found|bring|verif|support|illustrat|prove|attest|validat|agree)"),
        (1.8, r"outperform|surpass|exceed|state[- ]of[- ]the[- ]art (?:result|performance|accuracy)|achiev|attain|reach(?:es|ing|ed)?\b|yields?\b|improves?\b|beats?\b|"
              r"superior|competitive|comparable|on par|faster|speed-?up|reduc(?:es|ing|tion)|lowers?\b|saves?|cuts?\b|gains?\b|better than|wins?\b|sets? (?:a )?new"),
        (1.5, r"\d+(?:\.\d+)?\s?(?:%|x\b|×|times|percent|fold)|\bregret\b|\bbound\b|sample complexity|is (?:proven|proved|shown|found)|are (?:proven|proved|shown|found)|"
              r"provabl|it is (?:\w+ )?(?:proven|proved|shown|found)|turns? out|we (?:show|find|prove|demonstrate|observe)|establish|confirm|converge"),
        (1.3, r"(?:code|data|dataset|model|benchmark|weights)s?\b[^.]{0,60}\b(?:released|available|open[- ]source|public)|effective(?:ness)?|efficien(?:t|cy) in|"
              r"thus\b|therefore|consequently|overall|in sum|suggest|impl(?:y|ies|ication)|insight|moreover|furthermore|more broadly|may (?:serve|shed)|holds? for|promise"),
    ),
    Role.LIMIT: _cues(
        (3.4, r"limitations?\b|(?:left|remains?|deferred) (?:\w+ )?(?:for|to|as) (?:future|later|further)|future (?:work|research|stud)|further (?:work|research|study) (?:is|will)|"
              r"open (?:question|problem|challenge)s? (?:\w+ ){0,3}(?:remain|is|are|include|for)|(?:remains?|still|yet) (?:open|unresolved|unsolved|to be (?:seen|shown|done|tested|resolved))|"
              r"caveat|shortcoming of (?:our|this|the proposed)|does not (?:yet )?(?:hold|scale|cover|extend|generali[sz]e|transfer) (?:to|beyond|for)|only (?:holds?|valid|applies|tested|evaluated)"),
        (2.4, r"is (?:limited|restricted) to\b|at the (?:cost|expense|price) of|(?:not|never) (?:been )?(?:tested|evaluated|validated)|fails? when|breaks? down when"),
    ),
}  # fmt: skip

RELEASE = re.compile(
    r"\b(?:code|models?|weights|checkpoints?|data ?sets?|data|implementation)s?\b[^.]{0,60}\b(?:released|publicly|available|"
    r"open[- ]sourced?)\b",
    re.IGNORECASE,
)
"""That code or data can be had."""

# How likely each role is at the start, in the middle and at the end: what hand-labelled abstracts look like.
_PLACES: dict[Role, tuple[float, float, float]] = {
    Role.BACKGROUND: (2.6, -0.6, -3.0),
    Role.AIM: (0.6, 0.4, -1.6),
    Role.METHOD: (-1.0, 1.3, -0.4),
    Role.RESULT: (-2.0, 0.5, 2.4),
    Role.LIMIT: (-4.0, -1.8, 1.2),
}
_NAMED = 1.8  # for the sentence that first says the paper's short name
_MOST_CUES = 2  # of one weight that count; a long sentence would otherwise win by its length


@lru_cache(maxsize=4096)
def roles(paper: Paper) -> tuple[Role, ...]:
    """The role of each sentence of a paper's abstract, in order."""
    texts = [sentence.text for sentence in sentences(paper.abstract)]
    name = short_name(paper).casefold()
    named = next((place for place, text in enumerate(texts) if name in text.casefold()), None)
    found: list[Role] = []
    for place, text in enumerate(texts):
        scores = {role: _score(role, text, place, len(texts)) for role in Role}
        if place == named:
            scores[Role.AIM] += _NAMED
        if Role.AIM not in found:
            scores[Role.AIM] += 0.5  # an abstract says once what it is about
        elif Role.AIM in found:
            scores[Role.AIM] -= 2.2
            scores[Role.BACKGROUND] -= 2.5
        if Role.RESULT in found:
            scores[Role.RESULT] += 0.5
        found.append(max(scores, key=lambda role: scores[role]))
    return tuple(found)


def _score(role: Role, text: str, place: int, count: int) -> float:
    start, middle, end = _PLACES[role]
    at = place / max(1, count - 1)
    prior = start + (middle - start) * at * 2 if at < 0.5 else middle + (end - middle) * (at - 0.5) * 2
    cues = sum(weight * min(_MOST_CUES, len(pattern.findall(text))) for weight, pattern in _CUES[role])
    return prior + cues


def of_role(paper: Paper, wanted: Sequence[Role]) -> tuple[int, ...]:
    """The numbers, from 1, of the sentences that have one of the roles."""
    return tuple(number for number, role in enumerate(roles(paper), start=1) if role in wanted)
