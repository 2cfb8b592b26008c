"""Line protocol and InfluxQL as text: readings into lines, names and values into queries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final

import msgspec

from core.points import building_of, check_point_id, site_of
from stores.columns import Columns

_TAG_ESCAPES: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})
_MEASUREMENT_ESCAPES: Final = str.maketrans({",": r"\,", " ": r"\ "})
_STRING_ESCAPES: Final = str.maketrans({"\\": r"\\", "'": r"\'", "\n": r"\n"})
_NAME_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class _Prefixes(dict[str, str]):
    """Measurement and tags of each point up to its value, made once."""

    def __init__(self, measurement: str) -> None:
        super().__init__()
        self._measurement = measurement.translate(_MEASUREMENT_ESCAPES)

    def __missing__(self, point: str) -> str:
        check_point_id(point)
        # Sorted by name, as the server would sort them otherwise.
        tags = {"building": building_of(point), "point": point, "site": site_of(point)}
        text = ",".join([self._measurement, *(f"{name}={tag.translate(_TAG_ESCAPES)}" for name, tag in tags.items())])
        self[point] = f"{text} value="
        return self[point]


class LineWriter:
    """Turns readings into one text of line protocol with millisecond times.

    Parameters
    ----------
    measurement
        Where all readings go.
    """

    def __init__(self, measurement: str) -> None:
        self._prefixes = _Prefixes(measurement)

    def lines(self, readings: Columns) -> str:
        """One line a reading.

        Parameters
        ----------
        readings
            Checked.

        Raises
        ------
        DomainError
            A point id is none.
        """
        # All values become text at once, and each time once however many points share it: a third of the time
        # of formatting row by row. What is text already is then joined without a step of Python a row.
        values = msgspec.json.encode(readings.value.tolist())[1:-1].decode().split(",")
        stamps = (readings.time_ms * 256 + readings.quality).tolist()
        tails = {stamp: f",quality={stamp % 256}i {stamp // 256}\n" for stamp in set(stamps)}
        prefixes = {place: self._prefixes[readings.points[place]] for place in readings.occurring().tolist()}
        heads = map(prefixes.__getitem__, readings.which.tolist())
        return "".join(chain.from_iterable(zip(heads, values, map(tails.__getitem__, stamps), strict=True)))


def quote_string(text: str) -> str:
    """A string literal of InfluxQL."""
    return f"'{text.translate(_STRING_ESCAPES)}'"


def quote_name(text: str) -> str:
    """An identifier of InfluxQL."""
    return f'"{text.translate(_NAME_ESCAPES)}"'


def select(fields: str, measurement: str, conditions: Sequence[str] = (), tail: str = "") -> str:
    """A query over one measurement; conditions must all hold and have their names and values quoted."""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {fields} FROM {quote_name(measurement)}{where} {tail}".rstrip()  # noqa: S608 - quoted, see above


def of_point(point: str) -> str:
    """The condition that a reading is of `point`."""
    return f'"point" = {quote_string(point)}'
