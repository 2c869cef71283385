"""Releases in folders of their own, and the link that says which of them runs."""

from paramedic.packs.release.actions import Switch
from paramedic.packs.release.checks import current, serves
from paramedic.packs.release.seeing import deployments
from paramedic.packs.release.target import Release
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="release",
    kinds=(
        Kind(
            name="release",
            summary="a folder of releases, and the link to the one that a component runs from",
            target=Release,
            files=lambda target: (target.current,),
            runs=lambda target: (target.component,),
            changed=deployments,
        ),
    ),
    checks=(current, serves),
    actions=(Switch,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
