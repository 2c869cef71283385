"""Values every layer speaks: findings, components, incidents, plans, receipts, time and errors.

Frozen dataclasses without I/O. Nothing here imports another part of Paramedic.
"""
