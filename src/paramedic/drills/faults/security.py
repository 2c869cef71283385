"""What lies open: a file with secrets that everybody may read, a secret in a log."""

import secrets
import stat

from paramedic.drills.fault import fault
from paramedic.drills.patient import DrillFailed, Patient


async def _with_a_guard(patient: Patient) -> None:
    """A component that looks at the private file and the log of the shop; the log is there and clean."""
    (patient.folder / "shop.log").write_text("12:00:01 opened\n")
    patient.edit(
        lambda document: document["components"].update(
            {
                "exposure": {
                    "kind": "security",
                    "interval": "500ms",
                    "private": [".env"],
                    "files": ["config/*.yaml"],
                    "logs": ["*.log"],
                }
            }
        )
    )


async def _is_private(patient: Patient) -> None:
    """Its owner alone reads it, and nothing else about it has changed."""
    mode = stat.S_IMODE((patient.folder / ".env").stat().st_mode)
    if mode != 0o600:
        raise DrillFailed(f"`.env` has mode {mode:04o} afterwards, not 0600")


@fault("secret-file-readable", prepare=_with_a_guard, afterwards=_is_private)
async def let_everybody_read(patient: Patient) -> None:
    """Let everybody read `.env`."""
    patient.mark()
    (patient.folder / ".env").chmod(0o644)


async def _is_never_told(patient: Patient) -> None:
    """No face, message or record of Paramedic holds the secret; the log is as it was."""
    log = (patient.folder / "shop.log").read_text()
    secret = log.rpartition("token=")[2].split()[0]
    told = await patient.paramedic("check", "--format", "json")
    state = patient.folder / ".paramedic"
    kept = [path for path in state.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    if secret in told.out + told.err or kept:
        raise DrillFailed(f"the secret stands in {kept[0] if kept else 'the report'}")


@fault("secret-in-log", prepare=_with_a_guard, afterwards=_is_never_told)
async def log_a_token(patient: Patient) -> None:
    """Write a request with its token into the shop's log."""
    patient.mark()
    with (patient.folder / "shop.log").open("a") as log:
        log.write(f"12:00:07 GET /chat?token=t0{secrets.token_hex(16)} 200\n")
