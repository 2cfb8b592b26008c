"""``promessa doctor``: looks at every part and says what to do."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from cli.options import AsJson, ConfigFile, out, print_json
from cli.settings import find_config, read_config
from core.clock import SystemClock, from_ms
from core.codec import Status
from core.config import Config
from core.config.models import Broker
from core.errors import BrokerError, PromessaError

_STALE_AFTER_S: Final = 3600
_CONNECT_TIMEOUT_S: Final = 5.0
_NOT_BEFORE: Final = datetime(2026, 1, 1, tzinfo=UTC)
_CERTIFICATE_WARNING_DAYS: Final = 30
_LEAST_FREE_BYTES: Final = 1 << 30


class Level(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what was seen, and what to do about it where it is not well."""

    check: str
    level: Level
    seen: str
    advice: str = ""


def doctor(
    *,
    config: ConfigFile = None,
    login: Annotated[
        bool, typer.Option(help="Also log in with the credential; a process that uses it is thrown off for a moment.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check clock, broker, certificates, store, registry, spool and the age of the data, and say what to do."""
    path = find_config(config)
    settings = read_config(path)
    findings = [Finding("configuration", Level.OK, str(path)), *examine(settings, login=login)]
    if as_json:
        print_json([asdict(f) for f in findings])
    else:
        colours = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILED: "red"}
        table = Table("check", "", "seen", "what to do", box=None)
        for f in findings:
            table.add_row(f.check, f"[{colours[f.level]}]{f.level}[/]", escape(f.seen), escape(f.advice))
        out.print(table)
    raise typer.Exit(int(any(f.level is Level.FAILED for f in findings)))


def examine(settings: Config, *, login: bool = False) -> Iterator[Finding]:
    """Look at everything that `settings` names."""
    yield from _guarded("clock", _clock)
    yield from _guarded("broker", lambda: _broker(settings, login=login))
    if settings.broker.tls_ca:
        yield from _guarded("certificate", lambda: _certificate(Path(settings.broker.tls_ca)))
    if settings.gateway is not None:
        spool = Path(settings.gateway.spool)
        yield from _guarded("spool", lambda: _spool(spool))
        yield from _guarded("disk", lambda: _disk(spool.parent))
    if settings.buildings or settings.gateway is None:
        yield from _guarded("registry", lambda: _registry(settings))
        yield from _guarded("store", lambda: _store(settings))


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except PromessaError as error:
        yield Finding(name, Level.FAILED, error.message, _ADVICE.get(error.code, ""))


_ADVICE: Final = {
    "broker.unavailable": "is Mosquitto running, and are host, port and credential right?",
    "config.secret-missing": "promessa enroll …",
    "store.unavailable": "is the database running, and may this user write there?",
}


def _clock() -> Iterator[Finding]:
    now = from_ms(SystemClock().now_ms())
    if now < _NOT_BEFORE:
        yield Finding("clock", Level.FAILED, now.isoformat(), "set the clock: readings would get wrong times")
    else:
        yield Finding("clock", Level.OK, now.isoformat(timespec="seconds"))


def _broker(settings: Config, *, login: bool) -> Iterator[Finding]:
    broker = settings.broker
    where = f"{broker.host}:{broker.port}"
    if not broker.username:
        advice = "'promessa up' starts one of its own; otherwise promessa enroll"
        yield Finding("broker", Level.WARNING, f"{where}, no credential in [broker]", advice)
        return
    if login:
        _log_in(broker)
        yield Finding("broker", Level.OK, f"{where} accepts {broker.username}")
        return
    try:
        socket.create_connection((broker.host, broker.port), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise BrokerError(f"MQTT broker {where}: {error.strerror or error}") from error
    yield Finding("broker", Level.OK, f"{where} listens")


def _log_in(broker: Broker) -> None:
    from broker.paho import PahoClient

    # The broker takes the user name for the client's id, so this takes over from a process that is logged in.
    client = PahoClient(broker, broker.username, on_message=lambda _: None)
    try:
        client.connect(_CONNECT_TIMEOUT_S)
    finally:
        client.close()


def _certificate(path: Path) -> Iterator[Finding]:
    try:
        context = ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        yield Finding("certificate", Level.FAILED, f"{path}: {error}", "copy the broker's authority there")
        return
    now = from_ms(SystemClock().now_ms())
    for certificate in context.get_ca_certs():
        until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), tz=UTC)
        days = (until - now).days
        level = Level.FAILED if days < 0 else Level.WARNING if days < _CERTIFICATE_WARNING_DAYS else Level.OK
        yield Finding("certificate", level, f"{path}: {days} days left", "" if level is Level.OK else "renew it")


def _spool(path: Path) -> Iterator[Finding]:
    from gateway.spool import peek

    if not path.exists():
        yield Finding("spool", Level.WARNING, f"{path}: not there yet", "start the gateway")
        return
    seen = peek(path)
    text = f"{seen.batches} batches wait, {seen.dropped} dropped so far"
    if seen.dropped:
        yield Finding("spool", Level.FAILED, text, "readings were lost: enlarge spool_max_mb, or mend the connection")
    else:
        yield Finding("spool", Level.OK, text)


def _disk(folder: Path) -> Iterator[Finding]:
    existing = next((p for p in (folder, *folder.parents) if p.exists()), Path())
    free = shutil.disk_usage(existing).free
    level = Level.OK if free > _LEAST_FREE_BYTES else Level.WARNING
    yield Finding("disk", level, f"{existing}: {free / 2**30:.1f} GiB free", "" if level is Level.OK else "make room")


def _registry(settings: Config) -> Iterator[Finding]:
    from stores.registry import Registry

    now_ms = SystemClock().now_ms()
    with Registry.open(settings.registry.url) as registry:
        dead = registry.count_dead_letters()
        yield Finding("registry", Level.OK, f"{len(registry.points())} points, {len(registry.gateways())} gateways")
        if not registry.keys():
            yield Finding("API keys", Level.WARNING, "none", "promessa enroll key NAME --role operator")
        if dead:
            yield Finding("dead letters", Level.WARNING, str(dead), "GET /api/v1/dead-letters says why")
        for record in registry.gateways():
            level = Level.OK if record.state.status is Status.ONLINE else Level.WARNING
            seen = "never seen" if record.seen_ms is None else f"seen {(now_ms - record.seen_ms) // 1000} s ago"
            text = f"{record.key} {record.state.status}, {seen}, {len(record.state.alarms)} alarms"
            yield Finding("gateway", level, text, "; ".join(record.state.alarms))


def _store(settings: Config) -> Iterator[Finding]:
    from stores.readings import open_store

    with open_store(settings.store) as store:
        latest = store.latest()
    if not latest:
        yield Finding("store", Level.WARNING, f"{settings.store.kind}: empty", "is a gateway running, and ingest?")
        return
    newest = max(latest.values(), key=lambda reading: reading.time_ms)
    age_s = (SystemClock().now_ms() - newest.time_ms) // 1000
    text = f"{settings.store.kind}: {len(latest)} points, newest reading {age_s} s old ({newest.point})"
    level = Level.OK if age_s < _STALE_AFTER_S else Level.WARNING
    yield Finding("data age", level, text, "" if level is Level.OK else "look at the gateways above")
