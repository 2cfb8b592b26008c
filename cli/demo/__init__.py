"""``promessa demo``: three real buildings replayed, and a simulated one whose circle is closed, at once."""

from cli.demo.command import demo

__all__ = ["demo"]
