"""The application: every resource under ``/api/v1``, with its documentation at ``/docs``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import RedirectResponse
from prometheus_client import CollectorRegistry

from api import (
    adjustments,
    advice,
    anomalies,
    buildings,
    commands,
    contracts,
    curves,
    dead_letters,
    explanation,
    forecast,
    gap,
    gateways,
    health,
    metrics,
    normalised,
    points,
    policies,
    problems,
    promises,
    readings,
    savings,
    tariffs,
    trials,
    trust,
    work_items,
)
from api.access import Services, ThreadStores
from api.body import BodyLimit
from core.clock import Clock
from stores.port import ReadingStore
from stores.registry import Registry

STALE_AFTER_S: Final = 900.0
MAX_BODY_BYTES: Final = 65_536
_DESCRIPTION: Final = """\
Buildings that keep their energy promise: what they measure, what they should use, and who told them what.

Every request needs an API key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`.
The role *viewer* reads, *operator* also commands, *administrator* also trusts control with more.
Errors are problem+json (RFC 9457) with a stable `code`. Lists come in pages: pass `next` as `cursor`.
"""
_TAGS: Final = [
    {"name": "buildings", "description": "Buildings, their zones and their baselines."},
    {"name": "points", "description": "Everything that is measured or driven."},
    {"name": "readings", "description": "What points said, raw or by step of the site's calendar."},
    {"name": "gap", "description": "What was used against what should have been."},
    {"name": "promises", "description": "What was promised, what energy costs and emits, and the three curves."},
    {"name": "forecast", "description": "What will be used in the hours to come."},
    {"name": "anomalies", "description": "What is not as it should be, what is at stake, and who knows of it."},
    {"name": "savings", "description": "What was not used, people's adjustments, contracts and their ledgers."},
    {"name": "trust", "description": "How far control is trusted, what it advises, and the switch that stops it."},
    {"name": "policies", "description": "Laws, ordinances and house rules, and what holds of them."},
    {"name": "trials", "description": "Days or weeks with control and without, drawn by lot: the saving measured."},
    {"name": "work items", "description": "Causes of a gap that somebody should look at, with evidence."},
    {"name": "commands", "description": "What was asked of the buildings, by whom, why, and how it ended."},
    {"name": "gateways", "description": "The agents in the buildings."},
    {"name": "dead letters", "description": "What could not be used, and why."},
    {"name": "operation", "description": "For those who keep it running."},
]


def create_app(
    *,
    registry: Registry,
    open_store: Callable[[], ReadingStore],
    clock: Clock,
    on_queued: Callable[[], None] = lambda: None,
    stale_after_s: float = STALE_AFTER_S,
) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    registry
        Shared by all threads.
    open_store
        Opens the reading store; called once in each thread that reads.
    clock
        That of the data and of the gateways: commands are issued by it.
    on_queued
        Called when a command was queued, from any thread, for example to wake the dispatcher.
    stale_after_s
        Age of the newest reading from which the health is ``stale``, seconds.
    """
    app = FastAPI(
        title="Promessa",
        version="1",
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=_TAGS,
        redoc_url=None,
    )
    app.state.services = Services(registry, ThreadStores(open_store), clock, on_queued, stale_after_s)
    app.state.freshness = health.Freshness()
    app.state.turn = explanation.Turn()
    app.state.metrics = CollectorRegistry()
    app.state.metrics.register(metrics.Platform(app.state.services, app.state.freshness))
    app.add_middleware(metrics.RequestMetrics, registry=app.state.metrics)
    app.add_middleware(BodyLimit, most_bytes=MAX_BODY_BYTES)
    problems.install(app)
    rooms = (
        buildings, points, readings, gap, explanation, forecast, promises, tariffs, curves, anomalies, savings,
        normalised, adjustments, contracts, trials, work_items, policies, trust, advice, commands, gateways,
        dead_letters, health, metrics,
    )  # fmt: skip
    for room in rooms:
        app.include_router(room.router)
    app.add_api_route("/", _to_docs, include_in_schema=False)
    app.openapi = lambda: _schema(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


async def _to_docs() -> RedirectResponse:
    return RedirectResponse("/docs")


def _schema(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            license_info=app.license_info,
            tags=app.openapi_tags,
            routes=app.routes,
        )
        parts = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["components"]["schemas"] |= parts.pop("$defs", {}) | {"Problem": parts}
        app.openapi_schema = schema
    return app.openapi_schema
