"""``python -m cli.demo.picture FILE.svg``: the demo's screen after some days of control, for the README."""

from __future__ import annotations

import logging
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from cli.demo.screen import draw, gather
from cli.demo.story import Story

DRIVEN_MS = 5 * 86_400_000 + 10 * 3_600_000


def main() -> None:
    """Run the demo until control has been on for some days, and keep what the screen shows."""
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, Story(Path(folder), seed=1, api_port=0) as story:
        for progress in story.steps():
            since_ms = progress.driven_since_ms
            if since_ms is not None and progress.library_ms - since_ms >= DRIVEN_MS:
                break
        console = Console(record=True, width=150, file=Path("/dev/null").open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
        console.print(draw(replace(gather(story), key="…")))
        console.save_svg(sys.argv[1], title="promessa demo")


if __name__ == "__main__":
    main()
