"""Configuration files: there, sensible, complete."""

from paramedic.packs.config.actions import ReloadDependants, Reset, Restore
from paramedic.packs.config.checks import is_valid
from paramedic.packs.config.describing import describe
from paramedic.packs.config.putting import Put
from paramedic.packs.config.reverting import Revert
from paramedic.packs.config.saving import backup
from paramedic.packs.config.target import Config
from paramedic.sdk import Kind, Pack
from paramedic.sdk.changed import written

pack = Pack(
    name="config",
    kinds=(
        Kind(
            name="config",
            summary="a configuration file: YAML, JSON, TOML or environment variables",
            target=Config,
            files=lambda config: (config.path, *(each for each in (config.schema, config.sample) if each)),
            keeps=lambda config: (config.path,),
            backup=backup,
            describe=describe,
            changed=lambda config, since, _home: written((config.path,), since),
        ),
    ),
    checks=(is_valid,),
    actions=(Restore, Reset, Put, Revert, ReloadDependants),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
