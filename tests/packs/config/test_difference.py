"""What an act would change, without secrets."""

from pathlib import Path
from types import SimpleNamespace

from paramedic.packs.config.difference import difference


def test_no_secret_is_cut_open():
    """Lines are shortened after their secrets are gone, wherever in them those stand."""
    context = SimpleNamespace(service=SimpleNamespace(secrets=("Sup3rS3cretPassw0rd",)))
    for length in range(270, 300):
        line = "x" * (length - 20) + " postgres://app:Sup3rS3cretPassw0rd@db/x"
        assert "Sup3r" not in difference(context, Path("c.json"), line.encode(), b"{}")
