"""Real servers that drills break: each runs as ``python -m paramedic.drills.servers.NAME``."""
