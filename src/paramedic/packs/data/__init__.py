"""Data files: personas, profiles, records, in JSON, JSON lines, CSV or YAML."""

from paramedic.packs.data.actions import Restore
from paramedic.packs.data.checks import is_sound
from paramedic.packs.data.saving import backup
from paramedic.packs.data.target import Data
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="data",
    kinds=(
        Kind(
            name="data",
            summary="data files: JSON, JSON lines, CSV or YAML",
            target=Data,
            files=lambda data: (*data.files, *(each for each in (data.manifest, data.schema) if each)),
            keeps=lambda data: data.files,
            backup=backup,
        ),
    ),
    checks=(is_sound,),
    actions=(Restore,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
