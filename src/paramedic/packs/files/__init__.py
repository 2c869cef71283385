"""Files and folders that a service needs: there, as declared, open to its user, with room."""

from paramedic.packs.files.actions import CreateDirectory
from paramedic.packs.files.checks import exists, permitted, writable
from paramedic.packs.files.saving import backup
from paramedic.packs.files.space import space
from paramedic.packs.files.target import Files
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="files",
    kinds=(
        Kind(
            name="files",
            summary="files and folders: there, with the right owner and mode, writable, with room on their disk",
            target=Files,
            backup=backup,
        ),
    ),
    checks=(exists, permitted, writable, space),
    actions=(CreateDirectory,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
