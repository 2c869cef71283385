"""A service as a whole: when too much of it fails at once, and the steps that bring all of it back."""

from paramedic.packs.system.actions import (
    BackupState,
    ClearTripwire,
    HealthCheck,
    RebuildOverlays,
    ValidateConfiguration,
    VerifyOperations,
)
from paramedic.packs.system.checks import critical
from paramedic.sdk import Pack

pack = Pack(
    name="system",
    checks=(critical,),
    actions=(  # type: ignore[arg-type]  # mypy does not follow class decorators
        BackupState,
        ValidateConfiguration,
        ClearTripwire,
        RebuildOverlays,
        HealthCheck,
        VerifyOperations,
    ),
)
