"""The configuration as values; every field has a unit in its name or a description here."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, Literal

import msgspec

from core.calendar import Calendar, site_holidays
from core.config.control import Control
from core.errors import DomainError, SecretMissingError
from core.points import Counter, Limits, Measure, Plausible, Point, check_name, check_point_id
from core.schedule import Schedule

_ROUNDED: Final = 1.02
"""Areas of zones are rounded; together they may come to so much of the building's."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Broker(_Section, frozen=True, kw_only=True):
    """How to reach the MQTT broker.

    Attributes
    ----------
    username, password
        Credential made by ``promessa enroll``; the password may also come from `password_file` or from
        ``PROMESSA_BROKER__PASSWORD``.
    tls_ca
        File with the certificate authority; empty: no TLS, which is meant for loopback only.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password: str = ""
    password_file: str = ""
    tls_ca: str = ""
    keepalive_s: int = 30

    def require_credential(self, who: str) -> None:
        """Raise SecretMissingError when the credential is not set."""
        if not self.username or not (self.password or self.password_file):
            raise SecretMissingError(
                f"{who}: no MQTT credential in [broker] (username, password or password_file); "
                "make one with 'promessa enroll gateway NAME' or 'promessa enroll service NAME'"
            )


class Site(_Section, frozen=True, kw_only=True):
    """A site: its calendar and place.

    Attributes
    ----------
    country, subdivision
        For public holidays, as the `holidays` library names them (``IT``, ``TO``).
    extra_holidays
        ``MM-DD`` of every year.
    latitude, longitude
        Degrees, north and east positive.
    """

    id: str
    timezone: str
    name: str = ""
    country: str = ""
    subdivision: str | None = None
    extra_holidays: list[str] = []
    latitude: float | None = None
    longitude: float | None = None

    def __post_init__(self) -> None:
        check_name(self.id, "site")
        Calendar(self.timezone)

    def calendar(self) -> Calendar:
        """The site's calendar with its holidays."""
        return Calendar(self.timezone, site_holidays(self.country, self.subdivision, self.extra_holidays))


class Building(_Section, frozen=True, kw_only=True):
    """A building and the points that describe its energy.

    Attributes
    ----------
    id
        ``site/building``.
    meters
        Point ids of its main energy meters, which get a baseline and a gap.
    outdoor_temperature
        Point id of the outdoor air temperature that its baselines use.
    solar_irradiance
        Point id of the global horizontal irradiance that its baselines use; empty: none.
    baseline_start, baseline_end
        Local dates of the baseline period, half open; without them, all that is stored at the time of the fit.
    floor_area_m2
        Heated floor area.
    price_eur_per_kwh
        Price of a meter's energy by its point id; without one, what is at stake is told in kWh only.
    """

    id: str
    name: str = ""
    floor_area_m2: float | None = None
    meters: list[str] = []
    outdoor_temperature: str = ""
    solar_irradiance: str = ""
    baseline_start: dt.date | None = None
    baseline_end: dt.date | None = None
    price_eur_per_kwh: dict[str, float] = {}
    control: Control | None = None

    def __post_init__(self) -> None:
        site, _, name = self.id.partition("/")
        check_name(site, "site"), check_name(name, "building")
        for meter in self.meters:
            check_point_id(meter)
        zones_m2 = sum(zone.floor_area_m2 or 0.0 for zone in self.control.zones) if self.control else 0.0
        if self.floor_area_m2 is not None and zones_m2 > _ROUNDED * self.floor_area_m2:
            raise DomainError(f"{self.id}: its zones have {zones_m2:g} m², more than its own {self.floor_area_m2:g} m²")


class DevicePoint(_Section, frozen=True, kw_only=True):
    """A point as a device serves it.

    Attributes
    ----------
    source
        Where the driver finds it (driver's own keys, for example a Modbus register); see the driver's page.
    schedule
        What stands in slot 16 when nobody asks for anything; only for points with limits.
    """

    id: str
    brick_class: str
    unit: str
    measure: Measure = Measure.INSTANT
    plausible: Plausible | None = None
    counter: Counter | None = None
    limits: Limits | None = None
    description: str = ""
    source: dict[str, Any] = {}
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        self.point()

    def point(self) -> Point:
        """The point without where it comes from."""
        return Point(
            self.id, self.brick_class, self.unit, self.measure, self.plausible, self.counter, self.limits,
            self.description,
        )  # fmt: skip


class Device(_Section, frozen=True, kw_only=True):
    """A device that one driver speaks to.

    Attributes
    ----------
    driver
        Name of an entry point in ``promessa.drivers``.
    options
        The driver's own keys (address, time-outs); see its page.
    poll_every_s
        Interval of polls, seconds.
    """

    name: str
    driver: str
    points: list[DevicePoint] = []
    options: dict[str, Any] = {}
    poll_every_s: float = 60.0


class FrostProtection(_Section, frozen=True, kw_only=True):
    """The gateway's own slot 2: when a zone is colder than `below`, its set-point goes to `value`.

    Attributes
    ----------
    sensor, setpoint
        Point ids of one zone's air temperature sensor and of the set-point it protects.
    below, value
        Degrees Celsius.
    """

    sensor: str
    setpoint: str
    below: float = 6.0
    value: float = 12.0


class Gateway(_Section, frozen=True, kw_only=True):
    """The edge agent.

    Attributes
    ----------
    read_only
        Writes nothing to any device, whatever it is told; held at the transport.
    spool, state
        Files of the spool and of the priority arrays.
    spool_max_mb, spool_max_age_days
        Bounds of the spool; beyond them the oldest batches go first, are counted and alarmed.
    batch_rows
        Most readings in one batch.
    resend_after_s
        A batch that is not acknowledged as stored for so long is sent again, seconds.
    stale_after_s
        A sensor silent for so long makes supervisory entries of its zone fall back, seconds.
    """

    id: str
    site: str
    read_only: bool = False
    spool: str = "var/gateway/spool.db"
    state: str = "var/gateway/state.db"
    spool_max_mb: int = 512
    spool_max_age_days: int = 90
    batch_rows: int = 500
    resend_after_s: float = 20.0
    stale_after_s: int = 1800
    devices: list[Device] = []
    frost_protection: list[FrostProtection] = []

    def __post_init__(self) -> None:
        check_name(self.id, "gateway"), check_name(self.site, "site")


class Rollup(_Section, frozen=True, kw_only=True):
    """How long the embedded store keeps readings of some points.

    Attributes
    ----------
    points
        Shell pattern over point ids; the first that matches counts.
    keep_raw_days
        Older raw readings are dropped once they are rolled up; 0 keeps them for ever.
    step
        Hourly or 15-minute means, minima, maxima, counts kept instead; empty keeps nothing.
    """

    points: str = "*"
    keep_raw_days: int = 0
    step: Literal["", "15min", "hour"] = "hour"


class SqliteStore(_Section, frozen=True, kw_only=True):
    """The embedded store.

    Attributes
    ----------
    path
        Database file.
    compact_after_days
        Readings older than this are compressed into chunks.
    retention
        Nothing is dropped by default.
    """

    path: str = "var/readings.db"
    compact_after_days: int = 7
    retention: list[Rollup] = []


class InfluxStore(_Section, frozen=True, kw_only=True):
    """InfluxDB 1.8, 2.x or 3 Core.

    Attributes
    ----------
    url
        Base URL.
    database
        Database of 1.x and 3, bucket of 2.x.
    org
        Organisation of 2.x.
    token
        Token of 2.x and 3, ``user:password`` of 1.x; or `token_file`, or ``PROMESSA_STORE__INFLUXDB__TOKEN``.
    write_path
        ``v2`` writes to ``/api/v2/write`` (1.8 and later), ``v1`` to ``/write`` where that is missing.
    """

    url: str = "http://127.0.0.1:8086"
    database: str = "promessa"
    org: str = ""
    token: str = ""
    token_file: str = ""
    write_path: Literal["v1", "v2"] = "v2"
    measurement: str = "reading"
    timeout_s: float = 10.0


class Store(_Section, frozen=True, kw_only=True):
    """Where readings are kept."""

    kind: Literal["sqlite", "influxdb"] = "sqlite"
    sqlite: SqliteStore = msgspec.field(default_factory=SqliteStore)
    influxdb: InfluxStore = msgspec.field(default_factory=InfluxStore)


class Registry(_Section, frozen=True, kw_only=True):
    """Where everything else is kept: an SQLAlchemy URL (SQLite or PostgreSQL)."""

    url: str = "sqlite:///var/registry.db"


class Ingest(_Section, frozen=True, kw_only=True):
    """MQTT in.

    Attributes
    ----------
    flush_rows
        Most readings written in one transaction.
    clock_tolerance_s
        A reading measured further ahead of the clock than this is marked, seconds.
    share
        Name of an MQTT shared subscription, for several workers; empty: one worker.
    """

    flush_rows: int = 50_000
    clock_tolerance_s: int = 300
    share: str = ""


class Api(_Section, frozen=True, kw_only=True):
    """The REST API.

    Attributes
    ----------
    stale_after_s
        The health is stale when the newest stored reading is older than this, seconds.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    stale_after_s: float = 900.0


class Fleet(_Section, frozen=True, kw_only=True):
    """How baselines are fitted and refitted, and where.

    Attributes
    ----------
    backend
        ``loky``: processes of this machine; ``threading``: threads, for tests; ``dask``: a cluster.
    scheduler
        Address of the Dask scheduler, ``tcp://127.0.0.1:8786``; its workers reach store and code themselves.
    jobs
        Processes or threads; -1: one for each core. A cluster has as many as it has.
    meters_per_task
        Meters that a worker takes at a time.
    refit_every_days
        A baseline without a fixed period is challenged so often.
    window_days
        Days of data that a challenger is fitted on.
    held_out_days
        Newest days, on which champion and challenger are compared; neither has seen them.
    promote_margin_percent
        A challenger whose CV(RMSE) there is lower by this much, percent of the champion's, takes its place.
    drift_percent
        A bias of 30 days below this, percent of what was predicted, is no drift.
    """

    backend: Literal["loky", "threading", "dask"] = "loky"
    scheduler: str = ""
    jobs: int = -1
    meters_per_task: int = 8
    refit_every_days: int = 30
    window_days: int = 365
    held_out_days: int = 28
    promote_margin_percent: float = 5.0
    drift_percent: float = 5.0

    def __post_init__(self) -> None:
        if self.backend == "dask" and not self.scheduler:
            raise DomainError("a Dask cluster needs the address of its scheduler, for example tcp://127.0.0.1:8786")
        if self.jobs == 0 or min(self.meters_per_task, self.refit_every_days, self.window_days) < 1:
            raise DomainError("jobs is -1 or more than 0, meters_per_task and days are at least 1")
        if self.held_out_days < 7:
            raise DomainError("less than a week held out says nothing about weekends: held_out_days is at least 7")


class Config(_Section, frozen=True, kw_only=True):
    """Everything; a process uses the sections it needs."""

    broker: Broker = msgspec.field(default_factory=Broker)
    sites: list[Site] = []
    buildings: list[Building] = []
    gateway: Gateway | None = None
    store: Store = msgspec.field(default_factory=Store)
    registry: Registry = msgspec.field(default_factory=Registry)
    ingest: Ingest = msgspec.field(default_factory=Ingest)
    api: Api = msgspec.field(default_factory=Api)
    fleet: Fleet = msgspec.field(default_factory=Fleet)

    def site(self, site_id: str) -> Site | None:
        """Site of that id, None when it is not configured."""
        return next((s for s in self.sites if s.id == site_id), None)
