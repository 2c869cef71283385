"""Redis and Valkey servers: answering, with room, saving what they hold, and taking writes."""

from paramedic.packs.redis.checks import accepts_commands
from paramedic.packs.redis.memory import memory
from paramedic.packs.redis.persistence import persistence
from paramedic.packs.redis.replication import replication
from paramedic.packs.redis.saving import backup
from paramedic.packs.redis.target import Redis
from paramedic.sdk import Kind, Pack

pack = Pack(
    name="redis",
    kinds=(
        Kind(
            name="redis",
            summary="a Redis or Valkey server",
            target=Redis,
            address=lambda server: (server.login.host, server.login.port),
            backup=backup,
        ),
    ),
    checks=(accepts_commands, memory, persistence, replication),
)
