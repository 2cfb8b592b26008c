"""Dead letters: what cannot be used is kept with its reason, within bounds that a hostile sender cannot pass."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from core.clock import Clock, monotonic_s
from core.errors import PromessaError
from ingest.ports import LetterBox

log = logging.getLogger("promessa.ingest")

_PAYLOAD_BYTES: Final = 4096
_REASON_CHARACTERS: Final = 500
_BURST: Final = 50
_PER_SECOND: Final = 1.0
_SENDERS: Final = 10_000


class DeadLetters:
    """Puts aside what cannot be used, within bounds for each sender.

    Parameters
    ----------
    box
        Where letters are kept.
    clock
        For the time on the letters.

    Attributes
    ----------
    by_code
        How many letters there were, kept or not, by code.
    unkept
        How many of them were only counted and logged: beyond the sender's bounds, or with the registry away.
    """

    def __init__(self, box: LetterBox, clock: Clock) -> None:
        self.by_code: Counter[str] = Counter()
        self.unkept = 0
        self._box = box
        self._clock = clock
        self._allowance: dict[str, tuple[float, float]] = {}

    def put(self, topic: str, payload: bytes, code: str, reason: str) -> None:
        """Put a payload aside.

        Each sender may have 50 letters at once and one a second from then on; a letter keeps 4 KB of its payload.
        Never raises: readings must not wait because a bad one cannot be put aside.
        """
        self.by_code[code] += 1
        if not self._may_keep(topic):
            self.unkept += 1
            return
        reason = _printable(reason)
        log.warning("dead_letter topic=%s code=%s reason=%r", topic, code, reason)
        try:
            self._box.put_dead_letter(topic, payload[:_PAYLOAD_BYTES], code, reason, self._clock.now_ms())
        except PromessaError as error:
            self.unkept += 1
            log.error("dead_letter_not_kept topic=%s code=%s error=%r", topic, code, error.message)  # noqa: TRY400 - the message says it all

    def _may_keep(self, sender: str) -> bool:
        now_s = monotonic_s()
        letters, since_s = self._allowance.get(sender, (float(_BURST), now_s))
        letters = min(float(_BURST), letters + (now_s - since_s) * _PER_SECOND)
        if len(self._allowance) >= _SENDERS:
            self._allowance.clear()
        self._allowance[sender] = (max(0.0, letters - 1.0), now_s)
        return letters >= 1.0


def _printable(text: str) -> str:
    """Text that a log and a database take as one line, whatever a sender has put into it."""
    return text[:_REASON_CHARACTERS].encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
