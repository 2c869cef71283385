"""Is there a current release, and is it to blame for what fails?"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from paramedic.packs.release import codes, memory, seeing
from paramedic.packs.release.target import Release
from paramedic.sdk import Component, Context, Desired, Evidence, Finding, ProcessFacts, Status, check
from paramedic.sdk.blocking import in_thread

_BLAME_S = 600.0
_PROVEN_S = 60.0
_STARTS_S = 30.0
_EXCUSED = "something else was away"


@check(codes.LINK_BROKEN, codes.UNFINISHED, of=Release, timeout_s=5, every_s=10)
async def current(target: Release, context: Context) -> Finding:
    """The link to the current release leads to a whole release.

    Looks at: the link ``current``: whether it is one, leads to a folder among the releases, and whether that folder
    holds something that can be read and every file that ``requires`` names.
    Why: the next start of the component runs whatever is there, even where the running process does not notice yet.
    By hand: ``readlink -f CURRENT``; ``ls -l CURRENT/``
    Healed by: emergency-rollback after an approval: the component may still run well.
    """
    try:
        seen = await in_thread(seeing.current, target)
    except seeing.LinkBroken as broken:
        return context.critical(
            codes.LINK_BROKEN,
            observed=str(broken),
            expected=f"a link to one of the releases in `{target.path}`",
            hint="`paramedic emergency rollback` points it to the last release that passed its checks",
            path=target.current,
        )
    except OSError as error:
        return context.unknown(f"`{target.current}` cannot be looked at: {error.strerror or error}")
    if why := await in_thread(seeing.unfinished, seen.folder, target):
        return context.critical(
            codes.UNFINISHED,
            observed=f"the release `{seen.name}` is not whole: {why}",
            expected="a release with everything that it needs",
            because="a deployment was interrupted, or is not done yet",
            hint="deploy it again, or go back with `paramedic emergency rollback`",
            path=seen.folder,
        )
    return context.ok(f"`{seen.name}` is current since {seen.since:%Y-%m-%d %H:%M:%S} UTC")


@check(codes.BAD, of=Release, timeout_s=10, every_s=5, judges_others=True)
async def serves(target: Release, context: Context) -> Finding:
    """What runs from the current release passes its checks since that was switched to.

    Looks at: what the checks of the component found since the link was put in its place, and its process: a start from
    this release that failed, or checks that began to fail within ``blame_s`` (600) of the switch, or that it never
    passed. It blames the release only where everything else that the component needs is well, and an earlier release
    is whole and had passed its checks; a watch remembers those after ``proven_s`` (60) of passing.
    Why: most outages begin with a change, and the release before is the quickest way back.
    By hand: ``readlink CURRENT``; ``paramedic status``; ``paramedic emergency rollback --dry-run``
    Healed by: emergency-rollback; where the release declares a migration that cannot be taken back, after an approval.
    """
    component = context.service.components.get(target.component)
    try:
        seen = await in_thread(seeing.current, target)
    except (seeing.LinkBroken, OSError):
        return context.info("there is no current release to judge; the check `release.current` says why")
    if component is None:
        return context.unknown(f"there is no component `{target.component}`")
    facts = context.processes.facts(component)
    if facts.desired is Desired.STOPPED:
        return context.info(f"`{component.name}` is stopped on purpose")
    found = [each for each in context.found(component.name) if each.began and each.began >= seen.since]
    failing = [each for each in found if each.status is Status.CRITICAL]
    judged = _Judged(target=target, context=context, component=component, facts=facts, seen=seen)
    if failing:
        return await judged.failing(failing)
    looked = [each for each in found if each.status is not Status.UNKNOWN]
    if not looked and not context.looks_again:
        said = f"`{component.name}` was not looked at since `{seen.name}` was switched to"
        return context.unknown(said, hint="look at both at once")
    if not looked:
        return judged.undecided(f"`{component.name}` was not looked at since `{seen.name}` was switched to")
    return await judged.passing()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A release, and what runs from it."""

    target: Release
    context: Context
    component: Component
    facts: ProcessFacts
    seen: seeing.Current

    async def passing(self) -> Finding:
        """Its checks pass: after a while that is worth remembering."""
        context, seen, key = self.context, self.seen, self._key
        now = context.clock.now()
        if f"blamed {key}" in context.memory and self._is_starting():
            return self.undecided("it is starting once more")
        context.memory.pop(f"blamed {key}", None)
        since = context.memory.setdefault(f"passing {key}", now)
        assert isinstance(since, datetime)
        is_proven = (now - since).total_seconds() >= context.threshold("proven_s", _PROVEN_S)
        if is_proven and context.looks_again and self._runs_it() and f"noted {key}" not in context.memory:
            if not await in_thread(self._is_noted):
                await in_thread(
                    memory.note, context.service, context.component.name, seen.folder, now, self.target.keep
                )
            context.memory[f"noted {key}"] = True  # a write that failed is tried again at the next look
        return context.ok(f"`{self.component.name}` passes its checks with `{seen.name}`")

    def undecided(self, why: str) -> Finding:
        """It cannot be told now; one that was blamed stays so, because being started once more proves nothing."""
        blamed = self.context.memory.get(f"blamed {self._key}")
        return blamed if isinstance(blamed, Finding) else self.context.info(why)

    @property
    def _key(self) -> str:
        return f"{self.seen.name} {self.seen.since}"

    async def failing(self, failing: list[Finding]) -> Finding:
        """Its checks fail: is it the release?"""
        context, seen, name = self.context, self.seen, self.component.name
        if other := self._other_cause():
            context.memory[_EXCUSED] = context.clock.now()
            return context.info(f"`{name}` fails, and {other}, which may be why; `{seen.name}` is not blamed")
        if not self._runs_it() and not self._failed_starts():
            return self.undecided(f"`{name}` was not started since `{seen.name}` was switched to")
        if self._is_starting():
            return self.undecided(f"`{name}` is starting from `{seen.name}`")
        onset = context.failing_since(name)
        if onset is None or not self._is_certain(failing, onset):
            return self.undecided(f"`{name}` fails for the first time; another look will tell")
        excused = context.memory.get(_EXCUSED)
        if isinstance(excused, datetime) and onset <= excused:
            return context.info(f"`{name}` began to fail while something that it needs was away")
        if onset < seen.since:
            return context.info(f"`{name}` failed already before `{seen.name}` was switched to")
        if was_well := await in_thread(self._is_noted) or f"passing {self._key}" in context.memory:
            after_s = (onset - seen.since).total_seconds()
            if after_s > context.threshold("blame_s", _BLAME_S):
                return context.info(f"`{name}` ran well with `{seen.name}` for {_spell(after_s)} before it failed")
            if self._ended_once(failing):
                return context.info(f"`{name}` ran well with `{seen.name}` and ended once; a restart is tried first")
        back, why = await in_thread(self._good)
        if back is None:
            return context.info(f"`{name}` fails since `{seen.name}` was switched to, but {why}")
        worst = failing[0]
        ago = (context.clock.now() - seen.since).total_seconds()
        blamed = context.memory[f"blamed {self._key}"] = context.critical(
            codes.BAD,
            observed=f"`{name}` fails since `{seen.name}` was switched to, {_spell(ago)} ago",
            expected=f"that it passes its checks, as it did with `{back.name}`",
            because=f"{worst.code}: {worst.observed}; "
            + ("it began soon after the switch" if was_well else "it never passed them with this release")
            + ", and nothing else that it needs fails",
            hint=f"`paramedic emergency rollback` goes back to `{back.name}`",
            evidence=(
                Evidence(label="what fails", text="\n".join(f"{each.code}: {each.observed}" for each in failing)),
                Evidence(label="the release before", text=f"{back.name} passed its checks at {back.at:%F %T} UTC"),
            ),
        )
        return blamed

    def _good(self) -> tuple[memory.Passed | None, str]:
        return memory.good(self.context.service, self.context.component.name, self.target, but=self.seen.name)

    def _is_noted(self) -> bool:
        """Whether it is known to have passed its checks since it was switched to."""
        known = memory.passed(self.context.service, self.context.component.name)
        return any(each.name == self.seen.name and each.at >= self.seen.since for each in known)

    def _runs_it(self) -> bool:
        """Whether the living process was started since the switch; somebody else's process may well have been."""
        if self.facts.pid is None or self.facts.uptime_s is None:
            return self.component.process is None or not self.component.process.is_managed
        started = self.context.clock.now() - timedelta(seconds=self.facts.uptime_s)
        return started >= self.seen.since - timedelta(seconds=1)  # the kernel counts starts in ticks since the boot

    def _is_starting(self) -> bool:
        """Whether it has time left until it must pass its checks; of what somebody else starts, since the switch."""
        if self.facts.pid is not None and self.facts.ours:
            return self.facts.is_starting
        spec = self.component.process
        age_s = self.facts.uptime_s
        if age_s is None:
            age_s = (self.context.clock.now() - self.seen.since).total_seconds()
        is_ours_and_gone = spec is not None and spec.is_managed and self.facts.pid is None
        return not is_ours_and_gone and age_s < (spec.ready_within_s if spec else _STARTS_S)

    def _failed_starts(self) -> int:
        """How many processes that were started since the switch have ended."""
        return sum(1 for each in self.facts.exits if each.at - timedelta(seconds=each.uptime_s) >= self.seen.since)

    def _ended_once(self, failing: list[Finding]) -> bool:
        is_only_gone = all(each.check.startswith("process.") for each in failing) or self.facts.pid is None
        return is_only_gone and self._failed_starts() <= 1

    def _is_certain(self, failing: list[Finding], onset: datetime) -> bool:
        """Whether more than one look says so, where more than one follow; a process that has ended, has."""
        is_gone = any(each.check.startswith("process.") for each in failing)
        return is_gone or not self.context.looks_again or max(each.at for each in failing if each.at) > onset

    def _other_cause(self) -> str | None:
        """What else is away or unseen of what the component needs, or of the machine it runs on, in words."""
        service, me = self.context.service, self.context.component.name
        hosts = service.hosts()
        for each in service.needs(self.component.name):
            if self.context.processes.facts(service.components[each]).desired is Desired.STOPPED:
                return f"`{each}` is stopped"
        for each in (*service.needs(self.component.name), *hosts):
            statuses = {found.status for found in self.context.found(each)} if each != me else ()
            if Status.CRITICAL in statuses:
                return f"so does `{each}`"
            if Status.UNKNOWN in statuses:
                return f"nobody knows how `{each}` is"
        return None


def _spell(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0.0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
