"""Aggregation over the steps of a calendar, the same for every store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.calendar import Calendar, Step
from core.readings import BAD_FROM
from stores.port import Buckets, Series

Edges = npt.NDArray[np.int64]

_SMALL_STEP: Final = 64
_SAME_LENGTH: Final = frozenset({Step.MINUTE_5, Step.MINUTE_15, Step.HOUR})


@dataclass(frozen=True, slots=True)
class Summaries:
    """What is known of groups of readings, a group a row, sorted by time; one reading is a group of its own.

    Attributes
    ----------
    time_ms
        Shape (n,), int64: where the group begins, UTC milliseconds.
    count
        Shape (n,), int64, above 0.
    total, minimum, maximum, first, last
        Shape (n,), float64, in the point's unit.
    """

    time_ms: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]
    total: npt.NDArray[np.float64]
    minimum: npt.NDArray[np.float64]
    maximum: npt.NDArray[np.float64]
    first: npt.NDArray[np.float64]
    last: npt.NDArray[np.float64]


def step_edges(start_ms: int, end_ms: int, step: Step, calendar: Calendar) -> Edges:
    """Edges of the steps that cover ``[start_ms, end_ms)``, as `Calendar.edges` gives them, int64."""
    if step not in _SAME_LENGTH:
        return np.array(calendar.edges(start_ms, end_ms, step), np.int64)
    first = calendar.floor(start_ms, step)
    width = calendar.next(first, step) - first
    steps = max(0, -((first - end_ms) // width))
    return first + width * np.arange(steps + 1, dtype=np.int64)


def aggregate_series(series: Series, edges: Edges) -> Buckets:
    """Usable readings of `series` per step between `edges`; what lies outside is left out."""
    return aggregate_summaries(summarise(series), edges)


def summarise(series: Series) -> Summaries:
    """Each usable reading as a group of its own."""
    usable = series.quality < BAD_FROM
    time_ms, value = series.time_ms[usable], series.value[usable]
    return Summaries(time_ms, np.ones(len(time_ms), np.int64), value, value, value, value, value)


def merge_summaries(parts: Sequence[Summaries]) -> Summaries:
    """Several as one, sorted by time."""
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([part.time_ms for part in parts]), kind="stable")
    names = [column.name for column in fields(Summaries)]
    return Summaries(*(np.concatenate([getattr(part, name) for part in parts])[order] for name in names))


def cut_summaries(groups: Summaries, start_ms: int, end_ms: int) -> Summaries:
    """Groups that begin in ``[start_ms, end_ms)``."""
    low, high = np.searchsorted(groups.time_ms, (start_ms, end_ms))
    return Summaries(*(getattr(groups, column.name)[low:high] for column in fields(groups)))


def aggregate_summaries(groups: Summaries, edges: Edges) -> Buckets:
    """Groups per step between `edges`; a group counts in the step in which it begins."""
    bounds = np.searchsorted(groups.time_ms, edges)
    low, high = bounds[:-1], bounds[1:]
    filled = high > low
    # Filled steps follow each other without a gap, so that each ends where the next begins.
    starts, ends = low[filled], high[filled]
    sizes = ends - starts
    regular = len(sizes) > 0 and sizes[0] <= _SMALL_STEP and bool((sizes == sizes[0]).all())

    def reduced(ufunc: np.ufunc, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if regular:  # as meters are: reading by reading of all steps at once takes a tenth of the time
            return np.asarray(reduce(ufunc, column[starts[0] : ends[-1]].reshape(-1, int(sizes[0])).T))
        return np.asarray(ufunc.reduceat(column[: ends[-1]], starts)) if len(starts) else column[:0]

    count = np.zeros(len(low), np.int64)
    count[filled] = reduced(np.add, groups.count)
    total = _spread(filled, reduced(np.add, groups.total))
    return Buckets(
        edges_ms=edges,
        count=count,
        mean=total / np.maximum(count, 1),
        minimum=_spread(filled, reduced(np.minimum, groups.minimum)),
        maximum=_spread(filled, reduced(np.maximum, groups.maximum)),
        total=total,
        first=_spread(filled, groups.first[starts]),
        last=_spread(filled, groups.last[ends - 1]),
    )


def filled_steps(buckets: Buckets) -> Summaries:
    """Steps that hold readings, each as a group that begins where the step does."""
    filled = buckets.count > 0
    columns = (buckets.total, buckets.minimum, buckets.maximum, buckets.first, buckets.last)
    return Summaries(buckets.edges_ms[:-1][filled], buckets.count[filled], *(column[filled] for column in columns))


def _spread(filled: npt.NDArray[np.bool_], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    spread = np.full(len(filled), np.nan)
    spread[filled] = values
    return spread
