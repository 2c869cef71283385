"""What faces ask of the process that holds the engine."""

from sqlalchemy import Connection, select

from paramedic.model.receipt import Command, CommandState
from paramedic.store import body as bodies
from paramedic.store.failure import AlreadyRecorded
from paramedic.store.insertion import insert_new, upsert
from paramedic.store.instant import micros
from paramedic.store.schema import commands


class Commands:
    """Orders and what became of them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, command: Command) -> None:
        """Ask for it.

        Raises:
            AlreadyRecorded: a command of this id was asked for before.
        """
        if self._connection.execute(insert_new(self._connection, commands), _row(command)).rowcount != 1:
            raise AlreadyRecorded(f"there is a command `{command.id}` already")

    def get(self, command_id: str) -> Command | None:
        """The command, if there is one of this id."""
        found = self._connection.scalar(select(commands.c.body).where(commands.c.id == command_id))
        return bodies.read(Command, found) if found is not None else None

    def save(self, command: Command) -> None:
        """Keep it as it stands now."""
        self._connection.execute(upsert(self._connection, commands), _row(command))

    def pending(self) -> tuple[Command, ...]:
        """Those nobody took up yet, oldest first."""
        wanted = (
            select(commands.c.body)
            .where(commands.c.state == CommandState.PENDING.value)
            .order_by(commands.c.at_us, commands.c.id)
        )
        return bodies.read_all(Command, self._connection.scalars(wanted))


def _row(command: Command) -> dict[str, object]:
    return {
        "id": command.id,
        "state": command.state.value,
        "at_us": micros(command.at),
        "body": bodies.text(command),
    }
