"""Synthetic probes: what a user does, step by step, over HTTP and WebSocket."""

from paramedic.packs.journey.checks import completes
from paramedic.packs.journey.target import Journey
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="journey",
    kinds=(
        Kind(
            name="journey",
            summary="a synthetic probe: what a user does, step by step, over HTTP and WebSocket",
            target=Journey,
        ),
    ),
    checks=(completes,),
)
