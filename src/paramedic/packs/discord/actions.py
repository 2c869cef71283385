"""Let a bot come back to its gateway."""

from paramedic.packs.discord.target import Discord
from paramedic.packs.process.command import run
from paramedic.sdk import ActContext, ActionFailed, DidIt, Outcome, Preview, ProcessSpec, Risk, action


@action("discord.reconnect", risk=Risk.SAFE, tries=2)
class Reconnect:
    """Run the bot's declared `reconnect` command, which makes it connect to the gateway again."""

    async def preview(self, context: ActContext) -> Preview:
        command = _command(context)
        if not command:
            return Preview(
                summary="let the bot connect again", blocked="the service file declares no command `reconnect`"
            )
        return Preview(summary=f"let the bot connect again with its command `{command[0]}`")

    async def apply(self, context: ActContext) -> Outcome:
        command = _command(context)
        if not command:
            raise ActionFailed("the service file declares no command `reconnect`")
        context.checkpoint("mid-act")
        spec = context.component.process or ProcessSpec(cwd=context.service.path.parent)
        await run(context, spec, command)
        return Outcome(summary=f"`{command[0]}` told the bot to connect again")

    async def reconcile(self, context: ActContext) -> DidIt:
        del context  # to connect twice harms nobody
        return DidIt.NO


def _command(context: ActContext) -> tuple[str, ...]:
    bot = context.component.target
    return bot.reconnect if isinstance(bot, Discord) else ()
