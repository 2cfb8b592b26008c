"""What an intake has done, as one value for metrics, logs and health."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counters:
    """What an intake has done since it began.

    Attributes
    ----------
    messages, readings
        Acknowledged and stored; a reading delivered twice counts twice, and is stored once.
    refused
        Readings not stored, kept in dead letters.
    marked
        Stored readings that were marked here, by the name of their quality.
    dead_letters, dead_letters_unkept
        By code, and how many were beyond what one sender may leave.
    failures
        Attempts at which the store or the registry was not there.
    waiting
        It is not there now; nothing is lost, nothing goes on.
    newest_ms
        Newest measured time stored, UTC milliseconds (0: none yet); its age is the health of the whole path.
    stored_ms
        When something was stored last, UTC milliseconds (0: not yet).
    """

    messages: int = 0
    readings: int = 0
    refused: int = 0
    marked: dict[str, int] = field(default_factory=dict)
    dead_letters: dict[str, int] = field(default_factory=dict)
    dead_letters_unkept: int = 0
    failures: int = 0
    waiting: bool = False
    newest_ms: int = 0
    stored_ms: int = 0

    def newest_age_s(self, now_ms: int) -> float | None:
        """Age of the newest stored reading, seconds; None before the first."""
        return (now_ms - self.newest_ms) / 1000 if self.newest_ms else None
