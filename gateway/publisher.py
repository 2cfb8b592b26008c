"""Which spooled batches are on their way to ingest, which go next, and when one is sent again."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Final

WINDOW: Final = 100
_PATIENCE_MAX: Final = 16


class Outgoing:
    """The order of sending: always the newest batch that is not on its way.

    So after an outage what happens now arrives first, and the backlog follows from its newest to its oldest.
    A batch that ingest does not confirm in time goes back into the order. While nothing at all is confirmed the time
    doubles (to 16 times): a gateway does not send its window again and again to somebody who is away.

    Parameters
    ----------
    numbers
        Of the batches that wait.
    resend_after_s
        How long a confirmation may take.
    window
        Most batches on their way.
    """

    def __init__(self, numbers: Iterable[int], resend_after_s: float, window: int = WINDOW) -> None:
        self._waiting = [-number for number in numbers]
        heapq.heapify(self._waiting)
        self._sent_s: dict[int, float] = {}
        self._resend_after_s = resend_after_s
        self._patience = 1
        self._window = window

    @property
    def on_their_way(self) -> int:
        """Batches that were sent and are not confirmed."""
        return len(self._sent_s)

    @property
    def patience_s(self) -> float:
        """How long a confirmation may take now; whoever passes the batch on may drop it then."""
        return self._resend_after_s * self._patience

    def add(self, numbers: Iterable[int]) -> None:
        """Batches that have come to wait."""
        for number in numbers:
            heapq.heappush(self._waiting, -number)

    def next(self) -> int | None:
        """Take the next batch to send; None when there is none or the window is full."""
        if not self._waiting or len(self._sent_s) >= self._window:
            return None
        return -heapq.heappop(self._waiting)

    def sent(self, number: int, now_s: float) -> None:
        """It went out at `now_s`, seconds of a monotonic clock."""
        self._sent_s[number] = now_s

    def confirmed(self, numbers: Iterable[int]) -> None:
        """Ingest has stored them."""
        for number in numbers:
            self._sent_s.pop(number, None)
        self._patience = 1

    def give_up_late(self, now_s: float) -> int:
        """Put back what was not confirmed in time; returns how many."""
        late = [n for n, sent_s in self._sent_s.items() if now_s - sent_s >= self.patience_s]
        if late:
            self._patience = min(self._patience * 2, _PATIENCE_MAX)
        self._put_back(late)
        return len(late)

    def give_up_all(self) -> None:
        """Put back everything on its way: a new connection, and nobody knows what became of it."""
        self._put_back(list(self._sent_s))

    def begin_anew(self, numbers: Iterable[int]) -> None:
        """Forget everything: another spool with these batches."""
        self._sent_s.clear()
        self._waiting = [-number for number in numbers]
        heapq.heapify(self._waiting)

    def _put_back(self, numbers: list[int]) -> None:
        for number in numbers:
            del self._sent_s[number]
        self.add(numbers)
