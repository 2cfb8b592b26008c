"""Fitted models: kept with their figures, their data period and a version that grows per meter and kind."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.exc import IntegrityError

from core.errors import ConflictError
from stores.registry.database import Database
from stores.registry.tables import model


class ModelRecord(msgspec.Struct, frozen=True):
    """What is known of a fitted model.

    Attributes
    ----------
    meter
        Point id of the meter that it predicts.
    kind
        Name of the method, for example ``towt``.
    version
        From 1, growing per meter and kind.
    start_ms, end_ms
        Half-open period of the data it was fitted on, UTC milliseconds.
    fitted_ms
        When it was fitted, UTC milliseconds.
    figures
        Guideline 14 figures, coverage, sufficiency; what is not a number is None.
    """

    meter: str
    kind: str
    version: int
    start_ms: int
    end_ms: int
    fitted_ms: int
    figures: dict[str, Any]


class FittedModel(ModelRecord, frozen=True):
    """A model that can be used again: its record and what it learnt.

    Attributes
    ----------
    blob
        As the room that fitted it wrote it.
    """

    blob: bytes


class Models(Database):
    """Fitted models."""

    def put_model(
        self, meter: str, kind: str, *, period: tuple[int, int], figures: dict[str, Any], blob: bytes, now_ms: int
    ) -> ModelRecord:
        """Keep a model as the next version of its meter and kind.

        Parameters
        ----------
        period
            Start and end of the data it was fitted on, half open, UTC milliseconds.
        figures
            Anything JSON can hold.

        Raises
        ------
        ConflictError
            Another process kept one of the same meter and kind in the same moment.
        """
        text = msgspec.json.encode(figures)
        try:
            with self._write() as connection:
                newest = connection.scalar(select(func.max(model.c.version)).where(_of(meter, kind)))
                version = (newest or 0) + 1
                connection.execute(
                    model.insert().values(
                        meter=meter,
                        kind=kind,
                        version=version,
                        start_ms=period[0],
                        end_ms=period[1],
                        fitted_ms=now_ms,
                        figures=text.decode(),
                        blob=blob,
                    )
                )
        except IntegrityError as error:
            raise ConflictError(f"{meter}: another {kind} model was kept at the same time; fit again") from error
        return ModelRecord(meter, kind, version, *period, now_ms, msgspec.json.decode(text))

    def latest_model(self, meter: str, kind: str | None = None) -> FittedModel | None:
        """Newest model of a meter, of one kind or of any; None when there is none."""
        query = select(model).where(_of(meter, kind)).order_by(model.c.sequence.desc()).limit(1)
        with self._read() as connection:
            row = connection.execute(query).first()
        return _fitted(row) if row else None

    def model(self, meter: str, kind: str, version: int) -> FittedModel | None:
        """One version, or None."""
        with self._read() as connection:
            row = connection.execute(select(model).where(_of(meter, kind), model.c.version == version)).first()
        return _fitted(row) if row else None

    def models(self, meter: str | None = None) -> list[ModelRecord]:
        """Records of all models, or of one meter's, newest first."""
        columns = [c for c in model.c if c.name not in ("sequence", "blob")]
        query = select(*columns).order_by(model.c.sequence.desc())
        if meter is not None:
            query = query.where(model.c.meter == meter)
        with self._read() as connection:
            return [ModelRecord(**_values(row)) for row in connection.execute(query)]


def _of(meter: str, kind: str | None) -> ColumnElement[bool]:
    return model.c.meter == meter if kind is None else (model.c.meter == meter) & (model.c.kind == kind)


def _values(row: Row[Any]) -> dict[str, Any]:
    values = dict(row._mapping)  # noqa: SLF001 - a public name of SQLAlchemy
    values.pop("sequence", None)
    return values | {"figures": msgspec.json.decode(values["figures"])}


def _fitted(row: Row[Any]) -> FittedModel:
    return FittedModel(**_values(row))
