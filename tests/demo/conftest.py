"""A patient whose parts run without Paramedic."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from paramedic.demo.patient import lay_out
from paramedic.drills.patient import Patient
from paramedic.sdk import proc


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[Patient]:
    """A fresh patient; whatever runs of it ends with the test."""
    fresh = Patient(service_file=lay_out(tmp_path / "patient"))
    try:
        yield fresh
    finally:
        fresh.dismiss()


@pytest.fixture
def start(patient: Patient) -> Callable[..., Awaitable[None]]:
    """Starts parts by their own command lines and waits until they listen."""

    async def start(*names: str) -> None:
        for name in names:
            process = patient.invite(patient.command(name))
            patient.guests.remove(process)  # it is the patient's own
            with suppress(KeyError):
                port = patient.port(name)
                await patient.until(lambda port=port: bool(proc.holders(port)), f"`{name}` to listen")

    return start
