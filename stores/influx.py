"""Readings in InfluxDB 1.8, 2.x or 3 Core: line protocol in, InfluxQL out, because all three speak both."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import numpy as np
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from core.calendar import Calendar, Step
from core.codec import Row
from core.config.models import InfluxStore
from core.errors import ConfigError, StoreError
from core.readings import Reading
from stores.buckets import aggregate_series, step_edges
from stores.columns import Columns, check_columns, clamp_ms, columns_of
from stores.faults import StoreRefusedError
from stores.influx_lines import LineWriter, of_point, quote_name, select
from stores.port import Buckets, Extent, Series

_MAX_NAMED_POINTS: Final = 200
_GZIP_LEVEL: Final = 1
_PRECISION: Final = "ms"


class _Table(msgspec.Struct):
    """One series of an answer: values are ``[time_ms, …]``."""

    tags: dict[str, str] = {}
    values: list[list[Any]] = []


class _Result(msgspec.Struct):
    series: list[_Table] = []
    error: str = ""


class _Answer(msgspec.Struct):
    results: list[_Result] = []


class InfluxReadingStore:
    """`stores.port.ReadingStore` in an InfluxDB; see docs/stores.md for what it writes and asks.

    Parameters
    ----------
    settings
        Server, database or bucket, and token.

    Raises
    ------
    ConfigError
        The token file cannot be read.
    """

    def __init__(self, settings: InfluxStore) -> None:
        self._settings = settings
        self._lines = LineWriter(settings.measurement)
        make_client: Any = InfluxDBClient  # typed only here and there, and not as it is used
        self._client = make_client(
            url=settings.url,
            token=_token(settings),
            org=settings.org or "-",  # 1.x and 3 have none, the client wants one
            timeout=round(settings.timeout_s * 1000),
            enable_gzip=True,
        )
        # The client would compress at level 9, which costs nine times the time of level 1 and saves a third: we hand
        # it bytes that are compressed already, and it only names them so.
        self._client.conf.update_request_body = lambda _path, body: body
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows with one request; see the port. What is no reading is a DomainError."""
        self.write_columns(columns_of(rows))

    def write_columns(self, readings: Columns) -> None:
        """Write columns with one request; see the port."""
        if not len(readings):
            return
        check_columns(readings)
        body = gzip.compress(self._lines.lines(readings).encode(), _GZIP_LEVEL)
        with self._naming(f"write {len(readings)} rows"):
            if self._settings.write_path == "v2":
                self._writer.write(bucket=self._settings.database, record=body, write_precision=_PRECISION)
            else:
                self._client.api_client.call_api(
                    "/write",
                    "POST",
                    query_params=[("db", self._settings.database), ("precision", _PRECISION)],
                    header_params={"Content-Type": "text/plain; charset=utf-8", "Content-Encoding": "gzip"},
                    body=body,
                )

    def latest(self, points: Iterable[str] | None = None) -> dict[str, Reading]:
        """Newest reading of each point by measured time; see the port."""
        wanted = None if points is None else set(points)
        if wanted is not None and not wanted:
            return {}
        conditions = []
        if wanted is not None and len(wanted) <= _MAX_NAMED_POINTS:
            conditions = [f"({' OR '.join(map(of_point, sorted(wanted)))})"]
        found = {}
        for table in self._select('last("value"), "quality"', conditions, 'GROUP BY "point"'):
            point = table.tags["point"]
            if wanted is None or point in wanted:
                time_ms, value, quality = table.values[0]
                found[point] = Reading(point, time_ms, float(value), quality)
        return found

    def read(self, point: str, start_ms: int, end_ms: int, limit: int | None = None) -> Series:
        """Readings of a range; see the port."""
        tables: list[_Table] = []
        if start_ms < end_ms and limit != 0:
            span = [f"time >= {clamp_ms(start_ms)}ms", f"time < {clamp_ms(end_ms)}ms"]
            tail = "ORDER BY time ASC" if limit is None else f"ORDER BY time ASC LIMIT {limit:d}"
            tables = self._select('"value", "quality"', [of_point(point), *span], tail)
        values = tables[0].values if tables else []
        count = len(values)
        return Series(
            np.fromiter((row[0] for row in values), np.int64, count),
            np.fromiter((row[1] for row in values), np.float64, count),
            np.fromiter((row[2] for row in values), np.uint8, count),
        )

    def aggregate(self, point: str, start_ms: int, end_ms: int, step: Step, calendar: Calendar) -> Buckets:
        """Usable readings per step; see the port. Done here: InfluxQL knows no local days and no quality."""
        return aggregate_series(self.read(point, start_ms, end_ms), step_edges(start_ms, end_ms, step, calendar))

    def extent(self, point: str) -> Extent | None:
        """Count and time span; see the port."""
        figures = []
        for function in ("count", "first", "last"):
            tables = self._select(f'{function}("value")', [of_point(point)])
            if not tables:
                return None
            figures.append(tables[0].values[0])
        return Extent(int(figures[0][1]), figures[1][0], figures[2][0])

    def points(self) -> list[str]:
        """Ids of all points that have readings, sorted."""
        measurement = quote_name(self._settings.measurement)
        tables = self._query(f'SHOW TAG VALUES FROM {measurement} WITH KEY = "point"')
        return sorted({row[1] for table in tables for row in table.values})

    def maintain(self, now_ms: int) -> None:
        """Nothing: compaction and retention are the server's (retention policy, downsampling)."""

    def close(self) -> None:
        """Close the connections."""
        self._writer.close()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _select(self, fields: str, conditions: Sequence[str], tail: str = "") -> list[_Table]:
        return self._query(select(fields, self._settings.measurement, conditions, tail))

    def _query(self, text: str) -> list[_Table]:
        with self._naming("query"):
            response = self._client.api_client.call_api(
                "/query",
                "GET",
                query_params=[("db", self._settings.database), ("epoch", "ms"), ("q", text)],
                header_params={"Accept": "application/json"},
                _preload_content=False,
                _return_http_data_only=True,
            )
            answer = msgspec.json.decode(response.data, type=_Answer)
            for result in answer.results:
                if result.error:
                    raise StoreRefusedError(f"{self._settings.url}: {result.error}")
        return [table for result in answer.results for table in result.series]

    @contextmanager
    def _naming(self, doing: str) -> Iterator[None]:
        """Turn the client's errors into a StoreError that names the server and what was being done."""
        where = f"{self._settings.url} database {self._settings.database}"
        try:
            yield
        except ApiException as error:
            told = f"{where}: cannot {doing}: {error.status} {error.reason or ''} {_message(error.body)}".rstrip()
            # Too many requests and time-outs pass; what else is the client's fault stays so.
            kind = (
                StoreRefusedError if error.status in range(400, 500) and error.status not in (408, 429) else StoreError
            )
            raise kind(told, status=error.status) from error
        except (HTTPError, OSError, msgspec.DecodeError) as error:
            raise StoreError(f"{where}: cannot {doing}: {error}") from error


def _token(settings: InfluxStore) -> str | None:
    if settings.token or not settings.token_file:
        return settings.token or None
    try:
        return Path(settings.token_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"[store.influxdb] token_file: {error}") from error


def _message(body: str | bytes | None) -> str:
    """What the server says, out of its JSON (1.x: ``error``, 2.x: ``message``) or as it is."""
    text = (body.decode(errors="replace") if isinstance(body, bytes) else body or "")[:500]
    try:
        told = msgspec.json.decode(text)
        return str(told.get("error") or told.get("message") or text)
    except (msgspec.DecodeError, AttributeError):
        return text
