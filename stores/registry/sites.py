"""Sites and buildings as they are configured."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import Table, select

from core.config.models import Building, Site
from stores.registry.database import Database, upsert
from stores.registry.tables import building, site


class Sites(Database):
    """Sites and buildings."""

    def put_configured(self, sites: Iterable[Site], buildings: Iterable[Building]) -> None:
        """Add or replace everything that a configuration names."""
        with self.together():
            for value in sites:
                self.put_site(value)
            for item in buildings:
                self.put_building(item)

    def put_site(self, value: Site) -> None:
        """Add a site, or replace the one of the same id."""
        self._put(site, value.id, value)

    def sites(self) -> list[Site]:
        """All sites, by id."""
        with self._read() as connection:
            texts = connection.scalars(select(site.c.definition).order_by(site.c.id)).all()
        return [msgspec.json.decode(text, type=Site) for text in texts]

    def put_building(self, value: Building) -> None:
        """Add a building, or replace the one of the same id."""
        self._put(building, value.id, value)

    def buildings(self) -> list[Building]:
        """All buildings, by id."""
        with self._read() as connection:
            texts = connection.scalars(select(building.c.definition).order_by(building.c.id)).all()
        return [msgspec.json.decode(text, type=Building) for text in texts]

    def building(self, building_id: str) -> Building | None:
        """Building of that id (``site/building``), or None."""
        with self._read() as connection:
            text = connection.scalar(select(building.c.definition).where(building.c.id == building_id))
        return None if text is None else msgspec.json.decode(text, type=Building)

    def _put(self, table: Table, key: str, value: Site | Building) -> None:
        with self._write() as connection:
            upsert(connection, table, [{"id": key, "definition": msgspec.json.encode(value).decode()}])
