"""Servers that turn text into speech: do they answer, and can they be heard?"""

from paramedic.packs.speech.checks import answers, speaks
from paramedic.packs.speech.target import Speech
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="speech",
    kinds=(
        Kind(
            name="speech",
            summary="a server that turns text into speech",
            target=Speech,
            address=lambda server: server.address,
        ),
    ),
    checks=(answers, speaks),
)
