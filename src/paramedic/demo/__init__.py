"""The show: a small real AI service, broken for real again and again while Paramedic watches it."""
