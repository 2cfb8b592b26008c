"""Whose readings are whose: what a gateway's messages may contain, and which of its rows are refused."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from core.codec import MAX_TIME_MS, Row
from core.points import is_point_id, site_of
from core.topics import Channel, parse_topic
from ingest.series import SeriesTable

MIN_TIME_MS: Final = 946_684_800_000
"""2000-01-01; a time before it is in the wrong unit, or of a clock that was never set."""

MAX_UNDECLARED: Final = 10_000
"""Most points of one site that nobody declared; beyond it a sender is making them up."""


class Source(NamedTuple):
    """A gateway's topic, taken apart once.

    Attributes
    ----------
    gateway
        ``site/gateway``.
    stored
        Topic on which the gateway is told what is stored.
    writers
        Numbers of the gateway and of its site in the `SeriesTable`: the owners whose points it may write.
    """

    topic: str
    site: str
    name: str
    channel: Channel
    gateway: str
    stored: str
    writers: tuple[int, int]


class Refusal(NamedTuple):
    """Why a row is not stored."""

    code: str
    reason: str


def source_of(topic: str, table: SeriesTable) -> Source:
    """Take a topic apart; DomainError when it is not one of ours."""
    parsed = parse_topic(topic)
    gateway = f"{parsed.site}/{parsed.gateway}"
    return Source(
        topic,
        parsed.site,
        parsed.gateway,
        parsed.channel,
        gateway,
        str(parsed._replace(channel=Channel.STORED)),
        (table.writer(gateway), table.writer(parsed.site)),
    )


def refuse(row: Row, source: Source, table: SeriesTable) -> Refusal | None:
    """Why a row of `source` is not stored, or None.

    A point that nobody has declared enters the table here, for its whole site.
    """
    return _misformed(row) or _misplaced(row[0], source, table)


def _misformed(row: Row) -> Refusal | None:
    point, time_ms, value, quality = row
    if not is_point_id(point):
        return Refusal("reading.point-invalid", f"{point[:80]!r} is not a point id")
    if not MIN_TIME_MS <= time_ms <= MAX_TIME_MS:
        return Refusal("reading.time-absurd", f"{point}: {_digits(time_ms)} is not a time in UTC milliseconds")
    if not math.isfinite(value):
        return Refusal("reading.value-invalid", f"{point}: {value} is not a finite number")
    if not 0 <= quality <= 255:
        return Refusal("reading.quality-invalid", f"{point}: quality {_digits(quality)} is not one of 0 to 255")
    return None


def _misplaced(point: str, source: Source, table: SeriesTable) -> Refusal | None:
    if site_of(point) != source.site:
        return Refusal("reading.foreign-site", f"{point} is not of site {source.site}")
    owner = table.owner(point)
    if owner is None:
        if table.undeclared(source.writers[1]) >= MAX_UNDECLARED:
            return Refusal("reading.too-many-points", f"{point}: {source.site} has {MAX_UNDECLARED} undeclared points")
        table.add_undeclared(point, source.writers[1])
    elif owner not in source.writers:
        return Refusal("reading.not-owner", f"{point} belongs to another gateway than {source.gateway}")
    return None


def _digits(number: int) -> str:
    """A number as text, also one of thousands of digits, which Python will not write out."""
    return str(number) if number.bit_length() <= 64 else f"an integer of {number.bit_length()} bits"
