"""A backup made as a step of a plan."""

from paramedic.sdk import ActContext, ActionFailed, DidIt, Outcome, Preview, Risk, action, shelf
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.saving import BackupFailed
from paramedic.sdk.volume import amount


@action("backup.create", risk=Risk.SAFE)
class Create:
    """Make a backup and verify it by restoring it into a scratch place; the component is only read."""

    async def preview(self, context: ActContext) -> Preview:
        name = context.component.name
        summary = f"make and verify a backup of `{name}`"
        if context.backups is None or context.backups.hook(context.component) is None:
            return Preview(summary=summary, blocked=f"components of kind `{context.component.kind}` have no backups")
        return Preview(summary=summary)

    async def apply(self, context: ActContext) -> Outcome:
        name, policy, desk = context.component.name, context.component.backup, context.backups
        if desk is None:
            raise ActionFailed("there is no place for backups")
        newest = next(iter(await in_thread(shelf.shelved, context.service.settings.state_dir, name)), None)
        if newest and policy and newest.proof.is_good:
            age_s = (context.clock.now() - newest.set.at).total_seconds()
            if 0 <= age_s < policy.every_s / 2 and not await in_thread(newest.damage):
                return Outcome(summary=f"`{newest.set.id}` was made meanwhile", output={"backup": newest.set.id})
        try:
            made = await in_thread(desk.create, name, "healing")
        except BackupFailed as error:
            raise ActionFailed(str(error)) from None
        return Outcome(
            summary=f"made `{made.set.id}`, {amount(made.set.size)}; {made.set.proof.how}",
            output={"backup": made.set.id},
        )

    async def reconcile(self, context: ActContext) -> DidIt:  # noqa: ARG002  # the shape of the protocol
        return DidIt.NO  # one more backup does no harm
