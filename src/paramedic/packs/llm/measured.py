"""Numbers that are added to a finding after it was judged."""

from collections.abc import Mapping
from dataclasses import replace

from paramedic.sdk import Finding


def measured(found: Finding, values: Mapping[str, float]) -> Finding:
    """The finding with further measures."""
    return replace(found, measures={**found.measures, **values})
