"""A quiet office meter with its expectation, and what was learnt of its first year."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from core.calendar import Calendar
from predict.anomalies.normal import Normal, learn
from predict.baseline import DayBaseline
from predict.series import Floats, Times
from simulators.office import office_calendar, office_meter

SUBJECT = "torino/office/electricity"


class Office(NamedTuple):
    """Two years of hours; the second one begins at `split`."""

    time_ms: Times
    kwh: Floats
    expected: Floats
    split: int
    normal: Normal
    calendar: Calendar


@cache
def office() -> Office:
    time_ms, kwh, temperature, split = office_meter(1)
    calendar = office_calendar()
    model = DayBaseline(calendar).fit(time_ms[:split], temperature[:split], kwh[:split])
    expected = model.predict(time_ms, temperature).kwh
    expected[:split] = model.cross_validated_kwh_
    normal = learn(time_ms[:split], kwh[:split], expected[:split], calendar)
    for column in (time_ms, kwh, expected):
        column.setflags(write=False)
    return Office(time_ms, kwh, expected, split, normal, calendar)


def changed(first: int, hours: int, factor: float = 1.0, plus: float = 0.0) -> Floats:
    """The office's energy with some hours of its second year changed; `first` counts from its beginning."""
    o = office()
    kwh = np.array(o.kwh)
    here = slice(o.split + first, o.split + first + hours)
    kwh[here] = kwh[here] * factor + plus
    return kwh
