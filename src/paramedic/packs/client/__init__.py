"""What Paramedic cannot touch, and only people can mend: clients in other hands, providers elsewhere."""

from paramedic.packs.client.checks import provider_is_well, token_is_accepted, version_fits, works
from paramedic.packs.client.target import Client, Provider
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="client",
    kinds=(
        Kind(
            name="client",
            summary="a client that Paramedic cannot touch: on a phone, at a microphone, on somebody's computer",
            target=Client,
            files=lambda client: (client.config,) if client.config else (),
        ),
        Kind(
            name="provider",
            summary="a hosted service that somebody else runs",
            target=Provider,
        ),
    ),
    checks=(works, token_is_accepted, version_fits, provider_is_well),
)
