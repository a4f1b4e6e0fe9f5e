"""What a prompt does not want: where a negation begins and ends, in English.

Where that cannot be told, the words are marked as unsure: they are not drawn, and the footer says so.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

QUOTE = "\ue000"
"""Stands before the number of a quoted text."""

HYPHEN = "\u2011"
"""In a compound that is one word, such as never-ending."""


class Term(NamedTuple):
    """A word or a punctuation mark of a prompt.

    Attributes:
        text: In lower case.
        negated: Whether a negation holds there.
        unsure: Whether it cannot be told if it does.
    """

    text: str
    negated: bool = False
    unsure: bool = False


_NEGATIONS = frozenset("0 no not without never neither except excluding avoid omit lacking zero".split())  # noqa: SIM905
_FOREIGN = frozenset("sans ohne sin senza sem bez kein keine keinen zonder utan uden uten tanpa".split())  # noqa: SIM905
"""Negations of other languages; in an English prompt they may be part of a name, as in Sin City."""

_ENDS = frozenset("but only just with while yet however instead who which that where holding".split())  # noqa: SIM905
"""Words after which a negation no longer holds."""
_PLACES = frozenset(
    """
    in on at over under near by behind beside along above below into from during around between across toward towards to
    through for
    """.split()  # noqa: SIM905
)
"""Words after which it no longer holds if it has named something."""
_DETERMINERS = frozenset(
    """
    a an the some many several his her its their one two three four five six seven eight nine ten eleven twelve dozen
    """.split()  # noqa: SIM905
)
_SENTENCE_ENDS = frozenset(".;:!?()\n\u2013\u2014")
_TOKEN = re.compile(rf"{QUOTE}\d+|[^\W_{QUOTE}]+(?:{HYPHEN}[^\W_{QUOTE}]+)*|[,.;:!?()\n\u2013\u2014]")

_PLURAL = re.compile(r"[^s]s$")
_PEOPLE = frozenset({"people", "men", "women", "children", "mice"})

_OUT = r"(?:excluded|absent|forbidden|missing|gone|not (?:be +)?(?:included|wanted|allowed|present|there|visible|shown|seen|drawn|appear|exist|needed)(?: in (?:the|this) (?:picture|image|scene))?)"
_REWRITTEN: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<=\d),(?=\d{3}\b)", ""),
        (r"\bw/o\b", " without "),
        (r"\bhalf (?:a )?dozen\b", " six "),
        (r"\bcan['\u2019]t\b", "can not"),
        (r"\b(?:cannot|can not) (?:help|wait)\b", " "),
        (r"n['\u2019]t\b|\b(?:can|do)not\b|(?<=\bdo)nt\b", " not "),
        (r"\b(?:do +not|never|not) +(?:forget|miss|omit|skip|exclude|leave out|remove|neglect|avoid)\b", " "),
        (r"\bno (?:lack|shortage|absence|end) of\b|\b(?:no|without)(?: a| any)? doubt\b|\bno matter\b", " "),
        (r"\bnot unlike\b|\bnot (?:only|just|merely|simply)\b|\b(?:no|not) (?:more|less|fewer) than\b", " "),
        (r"\bno longer\b", " no "),
        (r"\bno need (?:of|for)\b", " no "),
        (r"\b(?:do +not|does +not) +(?:want|like|need|use)\b|\b(?:i|we) +(?:hate|dislike)\b|\b(?:get|getting) rid of\b|\btake (?:away|out)\b", " without "),
        (r"\b(?:hardly|barely|scarcely) (?:any|an?)\b", " without "),
        (r"\b(?:with the exception of|except for|save for|apart from|aside from)\b(?! [^.;:!?\n]{1,40}, (?:no|nothing)\b)", " except "),
        (r"\bkeep ([^.;:!?\n]{1,60}?) out\b(?: of (?:it|(?:the|this) (?:picture|image|scene)))?", r" without \1, "),
        (r"\b(?:nothing|none|nobody|no one) (?:except|but|other than)\b", " only "),
        (r"\b(?:anything|everything|everyone|all) (?:but|except)\b", " without "),
        (r"\bother than\b", " except "),
        (r"\b(?:free|clear|devoid|absence|lack|instead|none|in place) of\b|\b(?:rather than|as opposed to|leav(?:e|ing) out)\b", " without "),
        (r"\b(?:minus|versus|nary|lacks?|skip|ditch|excludes?|omitting|ban|remove)\b", " without "),
        (r"\breplace ([^.;:!?\n]{1,60}?) (?:with|by)\b", r" without \1, "),
        (r"\bleave ([^.;:!?\n]{1,60}?) out\b(?: of it)?", r" without \1, "),
        (rf"(?<!\w)((?:(?!\b(?:and (?:an?|the|some|his|her|its)|but|while|where|when|whose|which|that|with)\b)[^,.;:!?()\n]){{1,60}}?) (?:(?:that|which) +)?(?:(?:is|are|do|does|should|must|may|can) +)?{_OUT}(?=\s*(?:[,.;:!?()\n]|$))", r" without \1, "),
        (r"\bnot +(?:very|so|too|quite|really|that|particularly|overly) +(\w+)", rf" not{HYPHEN}\1 "),
    )
]  # fmt: skip
_LIST = re.compile(r"(?:\b(?:negative prompt|negative|avoid|exclude)\s*:|\bnegative prompt\b|--no\b)([^\n.;]*)")
"""What a list begins with that is refused to its end."""
_SUFFIXES = re.compile(r"\b(\w{3,40})(?:less|[- ]free)\b")
_COMPOUND = re.compile(
    r"\b(?:\d+|no|not|never|non|zero|half|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|forty|fifty)(?:-\w+)+"
)


def read_terms(text: str, is_known: Callable[[str], bool], is_thing: Callable[[str], bool]) -> list[Term]:
    """Reads the words and punctuation marks of a text.

    Args:
        text: In lower case.
        is_known: Whether the painter knows a word.
        is_thing: Whether it is a thing.
    """
    text = _SUFFIXES.sub(lambda match: f" without {match[1]}, " if is_known(match[1]) else match[0], text)
    text = _COMPOUND.sub(lambda match: match[0].replace("-", HYPHEN), text)
    text = _LIST.sub(lambda match: f". without {match[1].replace(',', ' or ')} \n", text)
    for pattern, replacement in _REWRITTEN:
        text = re.sub(" +", " ", pattern.sub(replacement, text))
    return list(_terms(_TOKEN.findall(text), is_known, is_thing))


def _terms(terms: list[str], is_known: Callable[[str], bool], is_thing: Callable[[str], bool]) -> Iterator[Term]:
    """Yields each term with what holds there; a negation only where nothing follows that it could be about."""
    word, negated, unsure, content = "", False, False, 0
    for i, term in enumerate([*terms, "."]):
        after = terms[i + 1 :]
        if term in _SENTENCE_ENDS or term == ",":
            if negated and not content:
                yield Term(word)
            goes_on = _after_comma(after, is_thing) if negated and term == "," else "ends"
            negated, unsure = goes_on != "ends", unsure or goes_on == "unsure"
            unsure = unsure and negated
        elif term in ("zero", "0") and not (after and is_known(after[0])):
            pass
        elif term in ("except", "excluding") and negated:
            negated = unsure = False
            continue
        elif term in _NEGATIONS | _FOREIGN:
            is_doubled = negated and (not content or term in ("without", "lacking")) and term != "neither"
            unsure = is_doubled or term in _FOREIGN
            word, negated, content = term, True, 0
            continue
        elif negated and (
            (term in _ENDS and (content or term not in ("with", "holding")))
            or (content and (term in _PLACES or term.endswith("ing")))
            or (term == "and" and after and after[0] in _DETERMINERS)
        ):
            negated = unsure = False
        content += term.isalpha() or term[0] == QUOTE
        yield Term(term, negated, unsure)


def _after_comma(after: list[str], is_thing: Callable[[str], bool]) -> str:
    """Returns whether a negation "goes on" behind a comma, "ends", or "unsure"."""
    stop = next((i for i, term in enumerate(after) if term in _SENTENCE_ENDS | _ENDS | _NEGATIONS), len(after))
    terms = after[:stop]
    if not terms or terms[0] in _DETERMINERS | _PLACES:
        return "ends"
    conjunction = next((i for i, term in enumerate(terms) if term in ("or", "nor")), 0)
    starts = [term for comma, term in itertools.pairwise(terms) if comma == ","]
    if terms[0] in ("or", "nor") or (conjunction and not _DETERMINERS.intersection(starts)):
        return "goes on"
    # "no boats, birds" may go on, or ask for birds.
    length = next((i for i, term in enumerate(terms) if term in (",", "and")), len(terms))
    last = terms[length - 1]
    is_bare = last in _PEOPLE or _PLURAL.search(last) or (length == 1 and is_thing(last))
    return "unsure" if length <= 2 and is_bare else "ends"
