"""Metrics for Prometheus, in base units: the platform's state at each scrape, and the API's own requests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access import Services, viewer
from api.health import Freshness
from api.problems import documented
from core.clock import monotonic_s
from core.codec import Status
from predict.anomalies.event import Kind
from stores.registry import CommandState

router = APIRouter(tags=["operation"])

_BUCKETS_S: Final = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0)
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


@router.get(
    "/metrics",
    response_class=Response,
    dependencies=[Depends(viewer)],
    responses={200: {"content": {"text/plain": {}}}, **documented(401)},
)
def get_metrics(request: Request) -> Response:
    """Metrics in Prometheus' text format; give the scraper a viewer's key as its bearer token."""
    return Response(generate_latest(request.app.state.metrics), media_type=CONTENT_TYPE_LATEST)


class Platform:
    """State of the platform, read from registry and store at each scrape."""

    def __init__(self, of: Services, freshness: Freshness) -> None:
        self._of = of
        self._freshness = freshness

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: registering must not ask the stores."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Metrics as they are now."""
        registry = self._of.registry
        yield GaugeMetricFamily("promessa_points", "Points that are registered.", value=len(registry.owners()))
        yield GaugeMetricFamily(
            "promessa_dead_letters", "Messages kept that could not be used.", value=registry.count_dead_letters()
        )
        newest_ms = self._freshness.newest_ms(self._of)
        if newest_ms is not None:
            yield GaugeMetricFamily(
                "promessa_newest_reading_timestamp_seconds",
                "When the newest stored reading was measured.",
                value=newest_ms / 1000,
            )
        counts = registry.count_commands()
        commands = GaugeMetricFamily("promessa_commands", "Commands on record by state.", labels=["state"])
        for state in CommandState:
            commands.add_metric([state], counts.get(state, 0))
        yield commands
        open_events = registry.count_open_anomalies()
        anomalies = GaugeMetricFamily("promessa_anomalies_open", "Anomalies that go on, by kind.", labels=["kind"])
        for kind in Kind:
            anomalies.add_metric([kind], open_events.get(kind, 0))
        yield anomalies
        yield from self._gateways()

    def _gateways(self) -> Iterable[Metric]:
        names = ["site", "gateway"]
        up = GaugeMetricFamily("promessa_gateway_up", "Whether the gateway is online.", labels=names)
        seen = GaugeMetricFamily(
            "promessa_gateway_last_seen_timestamp_seconds", "When the gateway last spoke.", labels=names
        )
        spooled = GaugeMetricFamily(
            "promessa_gateway_spooled_batches", "Batches that wait to be acknowledged as stored.", labels=names
        )
        dropped = CounterMetricFamily(
            "promessa_gateway_dropped_batches", "Batches lost to the bounds of the spool.", labels=names
        )
        alarms = GaugeMetricFamily("promessa_gateway_alarms", "Things somebody should look at.", labels=names)
        for record in self._of.registry.gateways():
            labels = [record.site, record.gateway]
            up.add_metric(labels, record.state.status is Status.ONLINE)
            if record.seen_ms is not None:
                seen.add_metric(labels, record.seen_ms / 1000)
            spooled.add_metric(labels, record.state.spooled_batches)
            dropped.add_metric(labels, record.state.dropped_batches)
            alarms.add_metric(labels, len(record.state.alarms))
        return [up, seen, spooled, dropped, alarms]


class RequestMetrics:
    """Counts the requests of an application and how long they took, by route.

    Parameters
    ----------
    app
        The application around which this stands.
    registry
        Where the metrics are registered.
    """

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._count = Counter(
            "promessa_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self._duration = Histogram(
            "promessa_http_request_duration_seconds",
            "Time to answer.",
            ["method", "route"],
            registry=registry,
            buckets=_BUCKETS_S,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started_s = monotonic_s()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            # The route's pattern and known methods only: what comes from outside must not make new series for ever.
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._count.labels(method, route, status).inc()
            self._duration.labels(method, route).observe(monotonic_s() - started_s)
