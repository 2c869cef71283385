"""Any server that answers over HTTP: health endpoints, APIs, pages."""

from paramedic.packs.http.actions import WaitRetryAfter
from paramedic.packs.http.checks import answers
from paramedic.packs.http.smoke import operations
from paramedic.packs.http.target import Http
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="http",
    kinds=(
        Kind(
            name="http",
            summary="any server that answers over HTTP: a health endpoint, an API, a page",
            target=Http,
            address=lambda target: target.address,
        ),
    ),
    checks=(answers, operations),
    actions=(WaitRetryAfter,),  # type: ignore[arg-type]  # mypy does not follow class decorators
)
