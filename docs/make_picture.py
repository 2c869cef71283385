# ruff: noqa: INP001  # a script beside the pages, no package
"""Makes ``demo.svg`` again, from a real run of the demo: ``python docs/make_picture.py``.

The picture is the board as it stands at the end, in the colours of the terminal. A run takes about half a minute.
"""

import asyncio
import io
import re
import sys
from pathlib import Path

from rich.console import Console

from paramedic.demo.board import board
from paramedic.demo.show import Show, play

PLACE = Path(__file__).with_name("demo.svg")


def main() -> int:
    """Play the demo and draw its end."""
    show = Show()
    asyncio.run(play(show, lambda: None))
    if not show.is_success:
        sys.stderr.write("the demo did not end well; the picture stays as it was\n")
        return 1
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(board(show))
    svg = console.export_svg(title="paramedic demo", unique_id="demo")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # nothing is fetched from anywhere
    PLACE.write_text(svg.replace("font-family: Fira Code", "font-family: ui-monospace, monospace"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
