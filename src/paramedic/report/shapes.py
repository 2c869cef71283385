"""What secrets look like when nobody told us which they are.

Every pattern is bounded and starts where a word starts, so that a megabyte of hostile text takes a second, not a day.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from paramedic.report.secret_names import KEYWORD

MARK = "[redacted]"

_KEY = rf"{KEYWORD}[\w.-]{{0,64}}"
_IS = r"\s{0,8}(?:=>|[=:])\s{0,8}"
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie)(\\*[\"']?\s*[:=]\s*+)(?!\[redacted)([^\n\"'\\]+)", re.IGNORECASE
)
_QUOTED = re.compile(
    rf"(?P<key>{_KEY}\\*[\"']?\]?{_IS}[bru]?)(?:"
    r"(?P<double>\")(?:[^\"\\]|\\[\s\S])*(?:\"|\\?\Z)"
    r"|(?P<single>')(?:[^'\\]|\\[\s\S])*(?:'|\\?\Z)"
    r"|(?P<escaped>\\+[\"'])(?:[^\"'\\]|\\+[^\"'\\])*(?:\\+[\"']|[\"']|\\*\Z))",
    re.IGNORECASE,
)
_LINE = re.compile(
    rf"^(\s{{0,64}}(?:export\s|set\s|-\s)?\s{{0,8}}[\w.-]{{0,64}}?{_KEY}=)(?![\s\"'\\]|\[redacted)([^\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
_BARE = re.compile(
    rf"({_KEY}\\*[\"']?\]?(?:{_IS}|>))(?:(?:bearer|basic|bot|digest|token)\s+)?"
    r"(?!\[redacted|[\"'\\\[{])(?:[^\s,;&\"'<>]|[,;](?!\s|\Z))+",
    re.IGNORECASE,
)
_FLAG = re.compile(
    rf"(?<![\w-])(--?[\w-]{{0,64}}?{KEYWORD}[\w-]{{0,64}}\s{{1,8}})(?!\[redacted|-)(?:\"[^\"]*\"?|'[^']*'?|\S+)",
    re.IGNORECASE,
)
_ASSIGNED = rf"({_KEY}\\*[\"']?\]?(?:{_IS}))(?:(?:bearer|basic|bot|digest|token)\s+)?[\"']?[^\s,;&\"'<>]{{4,512}}"
_OPTION = rf"(?<![\w-])(--?[\w-]{{0,64}}?{KEYWORD}[\w-]{{0,64}}\s{{1,8}})(?!-)\S{{4,512}}"
_ADDRESS = re.compile(
    r"(://[^\s:@/\"'<>]{0,256}:)(?!\[redacted)(?!\d{1,5}(?:[/?#\s\"'<>),;]|\Z))[^\s\"'<>]{1,512}(?=@)", re.IGNORECASE
)
_CUT = re.compile(  # what was quoted up to so many characters, and lost its end
    r"(?<![A-Za-z0-9])(?:(?:sk-|[spr]k_(?:live|test)_|gh[pousr]_|github_pat_|glpat-|xox[a-z]-|xapp-|AKIA|ASIA|AIza|hf_|npm_"
    r"|pypi-|SG\.|eyJ)(?=\S*\d)[A-Za-z0-9_.-]{3,512}"
    r"|(?<=://)[^\s:@/\"'<>`]{0,256}:(?!\d{1,5}\b|\[redacted|[{$<%])[^\s\"'<>`/]{3,512})(?=[`'\"…]?\Z)"
)
_USER = re.compile(r"(://)(?=[^\s@/]*\d)[A-Za-z0-9_-]{20,512}(?=@)")
_SAID = r"(?:[^\n]{0,200}?\s)?"
_COMMAND = re.compile(
    rf"(\b(?:curl\s{_SAID}(?:-u|--user)[\s=]{{0,4}}[\"']?[^\s:\"']{{1,64}}:"
    rf"|m(?:ysql|ariadb)[\w-]{{0,16}}\s{_SAID}-p(?!\d{{1,5}}(?:[:\s]|\Z))"
    rf"|redis-cli\s{_SAID}-a\s{{1,4}}|mongo\w{{0,10}}\s{_SAID}-p\s{{1,4}}|sshpass\s{{1,4}}-p\s{{0,4}})[\"']?)"
    r"(?!\[redacted)[^\s\"']+"
)
_SIGNATURE = r"([?&](?:sig|signature|x-amz-signature)=)(?!\[redacted)[^\s&#\"'<>]"
_QUERY = re.compile(rf"([?&]key=)(?!\[redacted)[^\s&#\"'<>]{{6,512}}|{_SIGNATURE}{{6,512}}", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer\s+)(?!\[redacted|auth|token|realm|scheme)([A-Za-z0-9._~+/=-]{6,})", re.IGNORECASE)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_KEYS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_-]{16,512}"
    r"|[spr]k_(?:live|test)_[A-Za-z0-9]{10,512}"
    r"|gh[pousr]_[A-Za-z0-9]{16,512}|github_pat_[A-Za-z0-9_]{16,512}|glpat-[A-Za-z0-9_-]{16,512}"
    r"|xox[a-z]-[A-Za-z0-9-]{8,512}|xapp-[A-Za-z0-9-]{8,512}"
    r"|(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,124}"
    r"|AIza[A-Za-z0-9_-]{30,64}|ya29\.[A-Za-z0-9_-]{16,2048}"
    r"|hf_[A-Za-z0-9]{16,128}|npm_[A-Za-z0-9]{16,128}|pypi-[A-Za-z0-9_-]{32,512}|dop_v1_[a-f0-9]{32,128}"
    r"|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,128}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{16,128}"
    r"|\d{8,10}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"
    r"|(?:mfa\.[A-Za-z0-9_-]{20,128}|[MNO][A-Za-z0-9_-]{22,28}\.[A-Za-z0-9_-]{5,8}\.[A-Za-z0-9_-]{25,64})"
    r"|eyJ[A-Za-z0-9_-]{5,4096}\.[A-Za-z0-9_-]{2,8192}(?:\.[A-Za-z0-9_-]{0,4096})?"
    r")"
)
_HOOK = re.compile(
    r"((?:hooks\.slack\.com/services|/api/webhooks/\d{1,24})/)(?!\[redacted)[A-Za-z0-9_/-]{8,256}", re.IGNORECASE
)
_WORD = re.compile(r"[A-Za-z0-9+/_=.-]{32,}")
_PARTS = re.compile(r"([/.])")
_NO_SECRET = re.compile(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"  # UUID
    r"|(?<![a-z0-9])[a-z]{2,10}-[0-9abcdefghjkmnpqrstvwxyz]{9}-[0-9abcdefghjkmnpqrstvwxyz]{4}(?![a-z0-9])"  # ours
    r"|\b(?:[0-9a-f]{32,128}|[0-9A-F]{32,128})\b"  # a digest, or the hash of a commit
)
_LONG = 32
_MOST_NAMED = 100
_KNOWN = (
    ("sk-", "a key of a model service"),
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), "a token of GitHub"),
    ("glpat-", "a token of GitLab"),
    (("xox", "xapp-"), "a token of Slack"),
    (("AKIA", "ASIA", "AROA", "AIDA"), "a key of AWS"),
    (("AIza", "ya29."), "a key of Google"),
    ("eyJ", "a JSON web token"),
    ("hf_", "a token of Hugging Face"),
    (("mfa.", "M", "N", "O"), "a token of a chat platform"),
)
_NAMED = (
    ("a password in an address", _ADDRESS),
    ("a bearer token", _BEARER),
    ("a value under a secret's name", re.compile(_ASSIGNED, re.IGNORECASE)),
    ("a secret on a command line", re.compile(_OPTION, re.IGNORECASE)),
    ("a secret on a command line", _COMMAND),
    ("a signature in an address", re.compile(rf"{_SIGNATURE}{{16,512}}", re.IGNORECASE)),
)
"""Each with what names the secret as its first group, and the secret after it."""
_IN_USE = re.compile(r"(?=.*\d)(?=.*[A-Za-z]).{8,512}", re.DOTALL)
_NOT_IN_USE = re.compile(
    r"[<{$%(\[*]|x{4,}|\.{3}|your[-_ ]|\d{4}-\d\d-\d\d|(?:change|replace|example|placeholder|redacted|hidden|masked)",
    re.IGNORECASE,
)


def scrub_shapes(text: str) -> str:
    """The text without what looks like a secret."""
    text = _PRIVATE_KEY.sub(MARK, text)
    text = _ADDRESS.sub(rf"\1{MARK}", text)
    text = _USER.sub(rf"\1{MARK}", text)
    text = _COMMAND.sub(rf"\1{MARK}", text)
    text = _QUERY.sub(lambda match: f"{match[1] or match[2]}{MARK}", text)
    text = _HEADER.sub(rf"\1\2{MARK}", text)
    text = _QUOTED.sub(_between_quotes, text)
    text = _LINE.sub(rf"\1{MARK}", text)
    text = _BARE.sub(rf"\1{MARK}", text)
    text = _FLAG.sub(rf"\1{MARK}", text)
    text = _BEARER.sub(rf"\1{MARK}", text)
    text = _KEYS.sub(MARK, text)
    text = _HOOK.sub(rf"\1{MARK}", text)
    text = _CUT.sub(MARK, text)
    return _WORD.sub(_word, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A place in a text that is most likely a secret in use."""

    kind: str
    """What it is, in words; never the secret itself."""
    at: int
    """Where it begins."""


def secret_shapes(text: str) -> list[Shape]:
    """Where secrets stand in a text, in their order; narrower than ``scrub_shapes``, which would rather hide too much.

    What follows a key such as ``password:`` counts only if it is no plain word, number, variable or placeholder; what
    is random alone does not, because identifiers are random, too. At most a hundred are named.
    """
    found: dict[int, tuple[int, str]] = {}

    def note(begin: int, end: int, kind: str) -> None:
        if len(found) < _MOST_NAMED and not any(begin < other_end and at < end for at, (other_end, _) in found.items()):
            found[begin] = (end, kind)

    for match in _PRIVATE_KEY.finditer(text):
        note(*match.span(), "a private key")
    for match in _KEYS.finditer(text):
        note(*match.span(), next((kind for start, kind in _KNOWN if match[0].startswith(start)), "a key of a service"))
    for match in _HOOK.finditer(text):
        note(*match.span(), "the address of a webhook")
    for kind, pattern in _NAMED:
        for match in pattern.finditer(text):
            value = match[0][match.end(1) - match.start() :].strip("\"' ")
            if _is_in_use(value):
                note(match.end(1), match.end(), kind)
    return [Shape(kind=kind, at=at) for at, (_, kind) in sorted(found.items())]


def is_random(word: str) -> bool:
    """Whether a word of letters and digits looks drawn by lot: many kinds of characters in quick change.

    In words, names and paths letters of one kind follow each other; in a random key the kind changes at every
    second character (measured: 0.64 of the places in base64, 0.40 in lower case with digits, 0.1-0.3 in paths).
    """
    if len(word) < _LONG or not any(map(str.isdigit, word)):
        return False
    kinds = [_kind(character) for character in word]
    letters = set(kinds) & {"a", "A"}
    change = sum(a != b for a, b in pairwise(kinds)) / (len(kinds) - 1)
    if len(letters) == 2:
        return change >= 0.33 and _entropy(word) >= 3.5
    # one case and digits: names with numbers look like that, so be stricter
    return bool(letters) and "-" not in kinds and change >= 0.25 and _entropy(word) >= 3.7


def _is_in_use(value: str) -> bool:
    return _IN_USE.fullmatch(value) is not None and _NOT_IN_USE.match(value) is None


def _between_quotes(match: re.Match[str]) -> str:
    quote = match["double"] or match["single"] or match["escaped"]
    return f"{match['key']}{quote}{MARK}{quote}"


def _word(match: re.Match[str]) -> str:
    word = match[0]
    if word.startswith("/"):
        # a path is judged by its parts: together they would look as mixed as a key
        return "".join(MARK if is_random(_NO_SECRET.sub("", part)) else part for part in _PARTS.split(word))
    bare = _NO_SECRET.sub("/", word)
    return MARK if any(is_random(part) for part in (bare, *_PARTS.split(bare))) else word


def _kind(character: str) -> str:
    if character.isdigit():
        return "0"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return "-"


def _entropy(word: str) -> float:
    return -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())
