"""``promessa forecast`` as a user calls it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from core.calendar import HOUR_MS
from core.clock import to_ms
from core.config.models import SqliteStore
from core.points import Measure, Point
from stores.registry import Registry
from stores.sqlite import SqliteReadingStore
from tests.cli.conftest import Run

METER = Point("torino/library/electricity", "Building_Electrical_Meter", "kW.h", Measure.INTERVAL)
CONFIGURATION = """
[registry]
url = "sqlite:///registry.db"
[store]
sqlite = { path = "readings.db" }
[[sites]]
id = "torino"
timezone = "Europe/Rome"
[[buildings]]
id = "torino/library"
meters = ["torino/library/electricity"]
"""


def test_the_next_hours_are_shown_with_who_spoke(run: Run, tmp_path: Path) -> None:
    (tmp_path / "promessa.toml").write_text(CONFIGURATION)
    start = to_ms(datetime(2026, 1, 1, tzinfo=UTC))
    with SqliteReadingStore(SqliteStore(path=str(tmp_path / "readings.db"))) as store:
        store.write([(METER.id, start + i * HOUR_MS, 10.0 + i % 24, 0) for i in range(20 * 24)])
    with Registry.open(f"sqlite:///{tmp_path}/registry.db") as registry:
        registry.declare_points("torino/cellar", [METER], start)
    asked = ("forecast", METER.id, "--issue", "2026-01-20T08:00", "--hours", "3")
    shown = run(*asked)
    assert shown.returncode == 0, shown.stderr
    assert "2026-01-20 08:00" in shown.stdout
    assert "profile" in shown.stdout
    assert "little history" in shown.stdout
    document = json.loads(run(*asked, "--json").stdout)
    assert document["issue"] == "2026-01-20T07:00:00+00:00"
    # The load of every day is the same: 10 kWh and the hour in UTC.
    assert [round(hour["kwh"], 3) for hour in document["hours"]] == [17.0, 18.0, 19.0]
