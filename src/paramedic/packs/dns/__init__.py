"""A name that other parts are reached by."""

from paramedic.packs.dns.checks import resolves
from paramedic.packs.dns.target import Dns
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="dns",
    kinds=(Kind(name="dns", summary="a name that other parts are reached by", target=Dns),),
    checks=(resolves,),
)
