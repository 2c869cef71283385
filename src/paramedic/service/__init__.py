"""The service file: found, read, understood, or every mistake in it told at once."""

from paramedic.service.loading import find, load, settings_with_sources
from paramedic.service.schema import json_schema
from paramedic.service.settings import SourcedSetting

__all__ = ["SourcedSetting", "find", "json_schema", "load", "settings_with_sources"]
