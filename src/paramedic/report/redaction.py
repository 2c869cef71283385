"""Keeps secrets out of everything that leaves Paramedic. What cannot be made safe is withheld."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from paramedic.model.finding import Evidence, Finding
from paramedic.model.wire import Json
from paramedic.report.disguises import disguises
from paramedic.report.secret_names import is_secret_key
from paramedic.report.shapes import MARK, scrub_shapes

WITHHELD = "[withheld: could not be made safe]"
LONGEST = 1_000_000
"""Characters of one text that are looked at; the rest is cut before anything else happens."""
CUT = " [cut: too long]"
_REMEMBERED, _REMEMBERED_CHARS = 2000, 200
_ESCAPE = re.compile(r"%(?:25)*[0-9A-Fa-f]{2}|\\\\u[0-9a-f]{4}")
_HEAD = 6
"""Characters of a secret that was cut open which are too many."""
_CUT_AT = "`'\"\n…"
_LAST_WORD = re.compile(r"\S{0,4096}\Z")


class Redactor:
    """Scrubs known secrets in all their disguises, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: tuple[str, ...] = ()
        self._known: re.Pattern[str] | None = None
        self._heads: re.Pattern[str] | None = None
        self._broken = False
        self._seen: dict[str, str] = {}
        try:
            self._forms = disguises(secrets)
            if self._forms:
                self._known = re.compile("|".join(_exactly(form) for form in self._forms))
            if heads := dict.fromkeys(form[:_HEAD] for form in self._forms if len(form) > _HEAD):
                self._heads = re.compile("|".join(map(re.escape, heads)))
        except Exception:  # fail closed: without knowing the secrets no text is safe
            self._broken = True

    def text(self, text: str) -> str:
        """The text without its secrets."""
        try:
            return WITHHELD if self._broken else self._scrub(text)
        except Exception:  # the boundary: whatever goes wrong in here, nothing gets out
            return WITHHELD

    def data(self, data: Json) -> Json:
        """The data without its secrets: values under secret-looking keys, and every text in it."""
        try:
            return self._data(data)
        except Exception:  # the boundary: data nested without end, keys that are no text
            return WITHHELD

    def finding(self, finding: Finding) -> Finding:
        """The finding with all of its free text made safe."""
        try:
            return replace(
                finding,
                observed=self.text(finding.observed),
                expected=self.text(finding.expected),
                because=self.text(finding.because),
                hint=None if finding.hint is None else self.text(finding.hint),
                evidence=tuple(
                    Evidence(label=self.text(each.label), text=self.text(each.text)) for each in finding.evidence
                ),
                measures={self.text(name): float(value) for name, value in finding.measures.items()},
                path=None if finding.path is None else self.text(finding.path),
            )
        except Exception:  # the boundary: a finding of the wrong shape keeps its verdict and loses its words
            return replace(
                finding, observed=WITHHELD, expected="", because="", hint=None, evidence=(), measures={}, path=None
            )

    def _scrub(self, text: str) -> str:
        if not isinstance(text, str):
            raise TypeError(f"a {type(text).__name__} is no text")
        if (seen := self._seen.get(text)) is not None:
            return seen
        short = text if len(text) <= LONGEST else self._cut(text)
        safe = scrub_shapes(self._without_cut(self._without_known(short)))
        if len(text) <= _REMEMBERED_CHARS:  # a healthy service says the same few sentences all day
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            self._seen[text] = safe
        return safe

    def _without_known(self, text: str) -> str:
        return self._known.sub(MARK, text) if self._known else text

    def _without_cut(self, text: str) -> str:
        """Who quotes the beginning of an answer may have cut a secret open: what is left of it goes, too."""
        parts, done = [], 0
        for found in self._heads.finditer(text) if self._heads else ():
            at = found.start()
            if at < done:
                continue
            for form in self._forms:
                end = at + _shared(form, text, at)
                is_cut = end == len(text) or text[end] in _CUT_AT
                if is_cut and end - at >= _HEAD and _is_telling(form, end - at):
                    parts += [text[done:at], MARK]
                    done = end
                    break
        return "".join((*parts, text[done:]))

    def _cut(self, text: str) -> str:
        """The beginning, without the beginning of a secret at its end."""
        kept = text[:LONGEST]
        begun = max(
            (length for form in self._forms for length in range(1, len(form)) if kept.endswith(form[:length])),
            default=0,
        )
        kept = self._without_known(kept[: len(kept) - begun])
        end = _LAST_WORD.search(kept, max(0, len(kept) - 4096))
        return kept[: end.start() if end else 0] + CUT

    def _data(self, data: Json) -> Json:
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, Mapping):
            return {
                self.text(key): MARK if is_secret_key(key) and _holds_something(key, value) else self._data(value)
                for key, value in data.items()
            }
        if isinstance(data, list | tuple):
            return [self._data(each) for each in data]
        if data is None or isinstance(data, bool | int | float):
            return data
        raise TypeError(f"a {type(data).__name__} is no JSON")


def _holds_something(key: str, value: Json) -> bool:
    if key.lower() == "pass" and isinstance(value, int | float):  # so many passed
        return False
    return value is not None and not isinstance(value, bool) and value not in ("", [], {})


def _shared(form: str, text: str, at: int) -> int:
    """How many characters of the form stand in the text from there."""
    if not text.startswith(form[:_HEAD], at):
        return 0
    return next(
        (n for n, (a, b) in enumerate(zip(form, text[at : at + len(form)], strict=False)) if a != b),
        min(len(form), len(text) - at),
    )


def _is_telling(form: str, length: int) -> bool:
    """Whether so much of a secret is no mere word with which it begins, such as `postgres` of an address."""
    return "://" not in form and (2 * length >= len(form) or any(map(str.isdigit, form[:length])))


def _exactly(form: str) -> str:
    """A short secret counts only where it stands alone, or it would tear every word apart."""
    # %2f and %2F, \u00e4 and \u00E4 are the same
    escaped = _ESCAPE.sub(lambda match: f"(?i:{match[0]})", re.escape(form))
    return escaped if len(form) >= 4 else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"
