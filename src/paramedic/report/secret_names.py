"""The names under which secrets stand: one list for texts, for data, for variables and for service files.

`pass` and `key` are words of every day: tests pass, a first pass, the key of a table. So they count only as names of
values, and not where the value is a number or a yes, as in `pass=12 fail=0`.
"""

import re

_NEXT = r"\\*[\"']?\]?\s{0,8}"
"""What may stand between the end of a name and its `=` or `:`."""
_VALUED = (
    rf"(?![\w.-]{{0,64}}+{_NEXT}(?:=>|[=:])\s{{0,8}}\\*[\"']?"
    r"(?:\d{1,5}|true|false|yes|no|ok|on|off|none|null)(?:[\s,;})&\"'\]]|\Z))"
)
_NO_SUBJECT = "".join(
    rf"(?<!{word}[_-]pass)"
    for word in (
        *("by", "one", "two", "three", "multi", "single", "first", "second", "third", "next", "last", "final"),
        *("low", "high", "band", "all", "per", "max", "min"),
    )
)
_NO_OBJECT = (
    r"(?![_-](?:rates?|ratio|counts?|through|thru|percent|pct|threshold|limit|times?|number|no|fail|by|over|if|on|all"
    r"|phase|criteria)(?![A-Za-z]))"
)
_WHOLE_VALUE = r"(?:\\*[\"']|[^\s,;}\"']{1,512}[ \t]{0,8}(?:\Z|[\r\n,;}#]))"
# each begins with its own letters and looks back then: that is three times faster
_PASS = (
    r"pass(?:"
    rf"(?<=[A-Za-z0-9][_-]pass){_NO_SUBJECT}(?![A-Za-z])"  # DB_PASS
    rf"|(?<![\w-]pass)(?={_NEXT}=)"  # pass=…
    r"|(?<=-pass)(?<![\w]-pass)(?:in|out)?(?![A-Za-z])"  # --pass …
    # in prose a word stands before it, or several behind it; `PASS: …` is how runners of tests speak
    rf"|(?-i:(?<=pass)(?<![A-Za-z] pass)(?<![\w-]pass))(?={_NEXT}:\s{{0,8}}{_WHOLE_VALUE})"
    r"|(?-i:(?<=[a-z0-9]Pass)(?<!byPass)(?<!firstPass)(?<!secondPass)(?![a-z]))"  # dbPass
    rf"){_NO_OBJECT}{_VALUED}"
)
_NO_KEY = (
    *("primary", "foreign", "public", "cache", "sort", "partition", "routing", "idempotency", "unique", "hash"),
    *("range",),
)
KEYWORD = (
    r"(?:passw(?:or)?d|passphrase|secret"
    r"|token(?!s|i[sz]|[_-]?(?:count|limit|budget|usage|type|max|min|delta))"
    rf"|(?:auth|access|api|refresh|bearer)[_-]?tokens{_VALUED}"
    r"|(?:api|access|account|private|signing|encryption|auth|master|session|fernet|jwt|hmac|openai|anthropic|stripe)"
    r"[_-]?key"
    rf"|_key(?-i:(?<=[A-Z0-9]_KEY)){''.join(f'(?<!{each}_key)' for each in _NO_KEY)}(?![A-Za-z])"
    rf"(?!_(?:id|file|path|prefix|name|type|size)){_VALUED}(?!{_NEXT}[=:]\s{{0,8}}[/~.])"  # a variable, but no path
    r"|credentials?|authorization|(?:set-)?cookie|connection[_-]?string"
    # `PWD` alone is the folder that a shell is in
    r"|(?:pw(?<![A-Za-z]pw)|pwd(?:(?<=[_;-]pwd)|(?-i:(?<=[Pp]wd)(?<![A-Za-z]pwd)(?<![A-Za-z]Pwd))))(?![A-Za-z])"
    rf"(?!{_NEXT}[=:]\s{{0,8}}[/~])"
    rf"|{_PASS})"
)
"""Within a pattern that ignores case; what follows it is the rest of the name."""
_KEYWORD = re.compile(KEYWORD, re.IGNORECASE)
_ALONE = re.compile(
    rf"(?<![a-z])(?:pass{_NO_SUBJECT}|dsn)(?![a-z]){_NO_OBJECT}"
    rf"|{''.join(f'(?<!{each})' for each in _NO_KEY)}[^a-z]key(?![a-z])"
)
"""What a name may be, but no text may say without being torn apart."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_secret_key(name: str) -> bool:
    """Whether a value under this name is to be hidden, such as ``DB_PASSWORD``, ``apiKey`` or ``--pass``."""
    return bool(_KEYWORD.search(name) or _ALONE.search(_CAMEL.sub("_", name).lower()))
