"""What a person can type when a server is not there."""

from paramedic.sdk import Component

_BY_OWNER = {
    "systemd": "systemctl start {unit}",
    "docker": "docker start {unit}",
    "compose": "docker compose start {unit}",
    "kubernetes": "kubectl rollout restart {unit}",
    "supervisord": "supervisorctl start {unit}",
    "runit": "sv start {unit}",
}


def how_to_start(component: Component) -> str:
    """The command that starts a component, as far as the service file tells who starts it."""
    if component.process and component.process.is_managed:
        return f"start it with `paramedic start {component.name}`"
    if component.owner and component.owner.manager in _BY_OWNER:
        return f"start it with `{_BY_OWNER[component.owner.manager].format(unit=component.owner.unit)}`"
    return "start it (give `process` or `owner` in the service file, and its start can be automated)"


def who_listens(port: int) -> str:
    """The command that shows who holds a port on this machine."""
    return f"`ss -ltnp 'sport = :{port}'`"
