"""What stands between physics and a number: meters that count in digits and roll over, sensors with their errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from core.errors import DomainError

JITTER_AT: Final = 2.3
"""Standard normal noise beyond which the last digit flickers: about once in a hundred readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """A sensor's errors.

    Attributes
    ----------
    sd
        Standard deviation of the noise (the quantity's unit).
    resolution
        Step of its readings; 0: none.
    bias
        Constant error.
    minimum
        It reads no less.
    """

    sd: float = 0.0
    resolution: float = 0.0
    bias: float = 0.0
    minimum: float = -math.inf

    def measure(self, truth: float, noise: float) -> float:
        """Reading of `truth` under standard normal `noise`."""
        value = max(truth + self.bias + self.sd * noise, self.minimum)
        return round(value / self.resolution) * self.resolution if self.resolution else value


class Meter:
    """A register that counts up in digits, rolls over, may be reset, and may flicker by its last digit.

    Parameters
    ----------
    resolution
        Its last digit (unit of what it counts); also the worth of a pulse.
    rollover
        It reads 0 again here.
    start
        What it reads at first.
    gain
        Factor on what it counts: 1.03 is a meter that reads 3 % too much.
    jitter
        Whether the last digit flickers down now and then, as registers read while they turn do.
    """

    def __init__(
        self,
        resolution: float = 0.1,
        rollover: float = 1_000_000.0,
        start: float = 0.0,
        *,
        gain: float = 1.0,
        jitter: bool = False,
    ) -> None:
        if not 0 < resolution < rollover or not 0 <= start < rollover:
            raise DomainError("a meter needs 0 < resolution < rollover and 0 <= start < rollover")
        self._resolution = resolution
        self._digits = round(rollover / resolution)
        self._total = start
        self._through = 0.0
        self._gain = gain
        self._jitter = jitter

    def count(self, amount: float) -> None:
        """Count `amount`, 0 or more."""
        if amount < 0:
            raise DomainError(f"a meter cannot count {amount}")
        self._through += amount
        self._total += amount * self._gain

    def count_to(self, through: float) -> None:
        """Count until `through` has gone through it in all."""
        self.count(through - self._through)

    def reset(self) -> None:
        """Begin again at 0, as after an exchange."""
        self._total = 0.0

    def read(self, noise: float = 0.0) -> float:
        """What the register shows; standard normal `noise` decides whether it flickers."""
        shown = self.pulses
        if self._jitter and noise > JITTER_AT and shown > 0:
            shown -= 1
        return shown % self._digits * self._resolution

    @property
    def pulses(self) -> int:
        """Whole digits counted since the register began, not rolled over."""
        # A hair above, so that ten times a tenth of a digit makes one.
        return math.floor(self._total / self._resolution + 1e-9)
