"""``paramedic``: the table of commands, and how every way to end becomes an exit code.

Only click is imported here: ``--help`` and completion stay fast, and a command pays for what it uses.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from paramedic import __version__
from paramedic.cli.rehearsal import ACTS, dry_run_option

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init:init", "Look around on this machine and write the service file."),
    "check": ("check:check", "Look at the service and judge; changes nothing."),
    "probe": ("probe:probe", "Run the synthetic probes: what a user does, step by step."),
    "diagnose": ("diagnose:diagnose", "Say what is wrong, what it comes from, and why."),
    "status": ("status:status", "Show what is known without looking again."),
    "explain": ("explain:explain", "Explain a code or a check: what it means, what heals it."),
    "checks": ("explain:checks", "List every check with its codes."),
    "watch": ("watch:watch", "Watch, heal and call for help until told to stop."),
    "start": ("order:start", "Start components; they are kept running."),
    "stop": ("order:stop", "Stop components; they stay stopped."),
    "restart": ("order:restart", "Restart components."),
    "plan": ("heal:plan", "Show what would be done about what is wrong."),
    "recover": ("heal:recover", "Heal what is wrong, and verify it."),
    "incidents": ("records:incidents", "List and show incidents."),
    "change": ("change:change", "Tell of what was changed; list what is known of changes."),
    "receipts": ("records:receipts", "List what was done, with proof."),
    "approve": ("heal:approve", "Let a waiting plan run."),
    "reject": ("heal:reject", "Refuse a waiting plan."),
    "emergency": ("emergency:emergency", "Assess; overlays off, back to the last good release, stop; and resume."),
    "guide": ("guide:guide", "Steps for people, where no program can reach."),
    "escalate": ("escalation:escalate", "Call people at once."),
    "acknowledge": ("escalation:acknowledge", "Say that you have an incident in hand."),
    "escalation": ("escalation:escalation", "Show who is called when, and try the routes."),
    "maintenance": ("maintenance:maintenance", "Planned work: nobody is woken, nothing disruptive begins by itself."),
    "pause": ("heal:pause", "Stop all automatic healing."),
    "resume": ("heal:resume", "Allow automatic healing again."),
    "audit": ("records:audit", "Verify that no record was changed or removed."),
    "backup": ("backup:backup", "Make, list, verify, restore and prune backups."),
    "llm": ("llm:llm", "Language models: do they generate, how fast, for how many tokens."),
    "embedding": ("embedding:embedding", "Embedding models: check them, record what they say."),
    "vector": ("vector:vector", "Vector indexes: check, describe, back up, restore, rebuild, compact."),
    "mcp": ("mcp:mcp", "Servers of tools: status, tools, calls, what they have to be."),
    "breakers": ("breakers:breakers", "List, reset, open and tune circuit breakers of running processes."),
    "flags": ("flags:flags", "List, validate and switch feature flags of running processes."),
    "budget": ("budget:budget", "Show, reset and repair token and energy budgets."),
    "tasks": ("tasks:tasks", "List kept calls that were given up; try them again or drop them."),
    "config": ("config:config", "Validate, explain, change and repair the service file."),
    "info": ("info:info", "Show every setting with its source, paths, versions and packs."),
    "completion": ("completion:completion", "Print the script that completes commands in a shell."),
    "drill": ("drill:drill", "Break a patient for real and judge the recovery."),
    "demo": ("demo:demo", "See faults found, named, healed and verified."),
    "reference": ("reference:reference", ""),
}
"""Command to its module and attribute in this package, and its line in ``--help``; without a line it is hidden."""


_JSON = "paramedic.json"


class Table(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(f"paramedic.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        _accept_global_options(command, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            meant = get_close_matches(args[0], COMMANDS, n=1)
            guess = f"did you mean `{meant[0]}`?" if meant else "`paramedic --help` lists them"
            raise click.UsageError(f"there is no command `{args[0]}`; {guess}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items() if summary])


@click.group(cls=Table, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-f", "--file", type=click.Path(path_type=Path), help="The service file; found upward by default.")
@click.option("--debug", is_flag=True, help="Show the details of a fault of Paramedic.")
@click.version_option(__version__, prog_name="paramedic", message="%(prog)s %(version)s")
def cli(file: Path | None, debug: bool) -> None:  # commands read them from the root context
    """Finds out what is wrong with an AI service, heals it, and proves that it is healed.

    Exit codes: 0 healthy, 1 degraded, 2 critical, 3 unknown; 64 usage, 70 a fault of Paramedic, 74 a store or
    file that cannot be used, 75 not now (try again), 78 configuration, 130 interrupted.
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; only what must not wait ends the process itself."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    notes: dict[str, Any] = {}  # Any: click's own type
    _fill_gaps()
    if asked := os.environ.get("_PARAMEDIC_COMPLETE"):
        from paramedic.cli.completion import answer

        return answer(asked)
    try:
        code = cli.main(args=arguments, prog_name="paramedic", standalone_mode=False, obj=notes)
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # the last boundary: every way to end gets its code
        from paramedic.cli.failure import tell

        code = tell(error, arguments)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # the reader has seen enough
        from paramedic.cli.output import nowhere

        nowhere(sys.stdout)
    code = code if isinstance(code, int) else 0
    if notes.get("leave at once") and argv is None:
        os._exit(code)  # a thread hangs in a call that never returns, and the interpreter would wait for it
    return code


def _fill_gaps() -> None:
    """Stand in for standard streams that were closed, before a file of ours is given their number and printed into."""
    if sys.stdin and sys.stdout and sys.stderr:
        return
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # for our lifetime
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # as above


def _accept_global_options(command: click.Command, path: str) -> None:
    """Give every command ``--file`` behind it, where people write it, ``--json``, and ``--dry-run`` if it acts."""
    for name, each in command.commands.items() if isinstance(command, click.Group) else ():
        _accept_global_options(each, f"{path} {name}")
    taken = {name for each in command.params for name in each.opts}
    if path in ACTS and "--dry-run" not in taken:
        command.params.append(dry_run_option())
    style = next((each for each in command.params if each.name == "style"), None)
    if style and "--json" not in taken:
        style.callback = _style
        wish = click.Option(["--json", "as_json"], is_flag=True, is_eager=True, expose_value=False, callback=_wish)
        wish.help = "Short for `--format json`."
        command.params.insert(command.params.index(style) + 1, wish)
    if isinstance(command, click.Group) or "--file" in taken:
        return
    names = ["--file", "file_named_late"] if "-f" in taken else ["-f", "--file", "file_named_late"]
    command.params.append(
        click.Option(names, type=click.Path(path_type=Path), expose_value=False, hidden=True, callback=_file_named_late)
    )


def _file_named_late(context: click.Context, _option: click.Parameter, value: Any) -> None:  # Any: click's own type
    if value is not None:
        context.find_root().params["file"] = value


def _wish(context: click.Context, _option: click.Parameter, value: bool) -> None:
    context.meta[_JSON] = value


def _style(context: click.Context, _option: click.Parameter, value: str) -> str:
    return "json" if context.meta.get(_JSON) else value


if __name__ == "__main__":
    sys.exit(main())
