"""What a person can type when a server is not there."""

from paramedic.sdk import Component
from paramedic.sdk.owning import command


def how_to_start(component: Component) -> str:
    """The command that starts a component, as far as the service file tells who starts it."""
    if component.process and component.process.is_managed:
        return f"start it with `paramedic start {component.name}`"
    if component.owner:
        return f"start it with `{' '.join(command(component.owner, 'start'))}`"
    return "start it (give `process` or `owner` in the service file, and its start can be automated)"


def who_listens(port: int) -> str:
    """The command that shows who holds a port on this machine."""
    return f"`ss -ltnp 'sport = :{port}'`"
