"""What a line of the guarantee ledger freezes: a month of one meter, or the account of a settlement period."""

from __future__ import annotations

import hashlib
import math
from enum import StrEnum
from typing import Any, Final

import msgspec
import numpy as np

from core.errors import DomainError
from predict.savings.settlement import Settled
from predict.series import Floats, Times
from stores.registry import LedgerLine

FORMAT: Final = 1


class LineKind(StrEnum):
    """What a line is."""

    MONTH = "month"
    """The first word on a month."""
    CORRECTION = "correction"
    """A later word on a month; the line that it corrects stays."""
    SETTLEMENT = "settlement"
    """The account of a settlement period, or a later one of the same."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a meter's month that the store and the registry determine; None where it is not known.

    Attributes
    ----------
    claims, reasons
        Whether a saving is claimed, and if not why, in sentences. The figures stand there all the same.
    baseline_kind, baseline_version, baseline_sha256
        The model, and the hash of what it had learnt.
    data_sha256, energy_sha256, weather_sha256
        Of the hours that went in, to 1 Wh and 1 mK: all together, the meter's, and the weather's.
    hours, known_hours, coverage, extrapolated
        As in `predict.savings.avoided.SavingsTotal`.
    days
        For each local day the hours of the meter that are known, and their kWh.
    baseline_kwh, adjustment_kwh, actual_kwh, saving_kwh, uncertainty_kwh, fraction
        See there; the uncertainty is the half width of the 90 % interval.
    adjustments
        kWh of each adjustment that counted, by its id.
    """

    claims: bool
    reasons: list[str]
    baseline_kind: str
    baseline_version: int
    baseline_sha256: str
    data_sha256: str
    energy_sha256: str
    weather_sha256: str
    hours: int
    known_hours: int
    coverage: float
    extrapolated: float
    days: list[tuple[int, float]]
    baseline_kwh: float | None
    adjustment_kwh: float | None
    actual_kwh: float | None
    saving_kwh: float | None
    uncertainty_kwh: float | None
    fraction: float | None
    adjustments: dict[str, float]


class MonthLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="month"):
    """A month of one meter, frozen.

    Attributes
    ----------
    kind
        `LineKind.MONTH` or `LineKind.CORRECTION`.
    corrects, why
        For a correction: position of the line that it corrects, and what has changed, in sentences.
    contract_version, contract_sha256
        The contract as it was in force.
    month
        ``2026-01``.
    start_ms, end_ms
        The local month, UTC milliseconds, half open.
    measured
        The figures and what they rest on.
    price_per_kwh
        In the contract's currency, None where no price had begun.
    frozen_ms, by
        When, and by whom.
    """

    format: int = FORMAT
    kind: LineKind
    corrects: int | None
    why: list[str]
    contract: str
    contract_version: int
    contract_sha256: str
    meter: str
    month: str
    start_ms: int
    end_ms: int
    measured: Measured
    price_per_kwh: float | None
    frozen_ms: int
    by: str


class SettlementLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="settlement"):
    """The account of one meter over one settlement period, frozen.

    Attributes
    ----------
    period
        ``2026-01`` for a month, ``2026-01/2027-01`` for a year of the contract.
    corrects, why
        As in `MonthLine`.
    months
        Positions of the month lines that it adds up.
    claims, reasons
        Whether it can be settled, and if not why; then the parties must agree.
    saving_kwh, uncertainty_kwh
        Of the whole period; the uncertainty is not the sum of the months'.
    account
        None where it cannot be settled.
    change
        Of the payment against the account that it corrects.
    """

    format: int = FORMAT
    kind: LineKind
    corrects: int | None
    why: list[str]
    contract: str
    contract_version: int
    contract_sha256: str
    meter: str
    period: str
    start_ms: int
    end_ms: int
    months: list[int]
    claims: bool
    reasons: list[str]
    saving_kwh: float | None
    uncertainty_kwh: float | None
    account: Settled | None
    change: float | None
    frozen_ms: int
    by: str


AnyLine = MonthLine | SettlementLine


def read_line(line: LedgerLine) -> AnyLine:
    """What a stored line says.

    Raises
    ------
    DomainError
        It is not one that this version of Promessa writes.
    """
    try:
        said: AnyLine = msgspec.json.decode(line.text, type=AnyLine)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DomainError(f"line {line.position} of the ledger {line.contract} cannot be read: {error}") from error
    return said


def as_body(line: AnyLine) -> dict[str, Any]:
    """As the registry freezes it."""
    body: dict[str, Any] = msgspec.to_builtins(line)
    return body


def rounded(value: float, digits: int = 3) -> float | None:
    """`value` as it is frozen; None when it is no number."""
    return round(value, digits) + 0.0 if math.isfinite(value) else None


def fingerprint(time_ms: Times, *columns: Floats) -> str:
    """SHA-256 of hours, to a thousandth: the last bits of a sum differ between machines and mean nothing."""
    digest = hashlib.sha256(np.ascontiguousarray(time_ms, np.int64).tobytes())
    for column in columns:
        known = np.isfinite(column)
        digest.update(known.tobytes())
        digest.update(np.rint(np.where(known, column, 0.0) * 1000).astype(np.int64).tobytes())
    return digest.hexdigest()
