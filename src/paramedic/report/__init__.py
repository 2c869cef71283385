"""Values to text: made safe first, then in the format that was asked for."""

from paramedic.report.document_formats import render_document
from paramedic.report.formats import FORMATS, render
from paramedic.report.redaction import Redactor

__all__ = ["FORMATS", "Redactor", "render", "render_document"]
