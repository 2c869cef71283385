"""Drills: break a patient for real, wait for what Paramedic does about it, and judge the whole from outside."""
