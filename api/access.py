"""What routes are handed (registry, stores, clock) and who may call them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from api.errors import AuthenticationError
from core.clock import Clock
from core.errors import NotPermittedError
from stores.port import ReadingStore
from stores.registry import ApiKey, Registry, Role


class ThreadStores:
    """A reading store for each thread, because one instance serves one thread only.

    Parameters
    ----------
    open_store
        Opens one.
    """

    def __init__(self, open_store: Callable[[], ReadingStore]) -> None:
        self._open_store = open_store
        self._local = threading.local()

    def here(self) -> ReadingStore:
        """The store of the thread that asks; goes with its thread."""
        store: ReadingStore | None = getattr(self._local, "store", None)
        if store is None:
            store = self._local.store = self._open_store()
        return store


@dataclass(frozen=True, slots=True)
class Services:
    """What `create_app` was given."""

    registry: Registry
    stores: ThreadStores
    clock: Clock
    on_queued: Callable[[], None]
    stale_after_s: float


def services(request: Request) -> Services:
    """What this application was made with."""
    found: Services = request.app.state.services
    return found


# Asynchronous, so that they cost no hop to another thread.
async def _registry(request: Request) -> Registry:
    return services(request).registry


async def _stores(request: Request) -> ThreadStores:
    return services(request).stores


async def _clock(request: Request) -> Clock:
    return services(request).clock


async def _on_queued(request: Request) -> Callable[[], None]:
    return services(request).on_queued


TheRegistry = Annotated[Registry, Depends(_registry)]
TheStores = Annotated[ThreadStores, Depends(_stores)]
OfBuilding = Annotated[str, Query(examples=["torino/calvino"])]
"""Id of the building that a question is about."""
TheClock = Annotated[Clock, Depends(_clock)]
OnQueued = Annotated[Callable[[], None], Depends(_on_queued)]

_bearer = HTTPBearer(auto_error=False, description="An API key: `promessa enroll key NAME --role viewer`.")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key, for clients without bearers.")


def viewer(
    registry: TheRegistry,
    clock: TheClock,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    header: Annotated[str | None, Depends(_header)],
) -> ApiKey:
    """Key that the request carries; every role may read.

    Raises
    ------
    AuthenticationError
        There is none, or it is not in force.
    """
    secret = bearer.credentials if bearer else header
    if not secret:
        raise AuthenticationError("this needs an API key: 'Authorization: Bearer KEY' or 'X-API-Key: KEY'")
    key = registry.find_key(secret, clock.now_ms())
    if key is None:
        raise AuthenticationError("this API key is not known, or was revoked")
    return key


Viewer = Annotated[ApiKey, Depends(viewer)]


def operator(key: Viewer) -> ApiKey:
    """Key of an operator, or of somebody who may more.

    Raises
    ------
    NotPermittedError
        It is a viewer's.
    """
    if not key.role.includes(Role.OPERATOR):
        raise NotPermittedError(f"the key {key.name!r} may read; commands need the role operator", role=key.role)
    return key


Operator = Annotated[ApiKey, Depends(operator)]


def administrator(key: Viewer) -> ApiKey:
    """Key of an administrator.

    Raises
    ------
    NotPermittedError
        It is of a lesser role.
    """
    if not key.role.includes(Role.ADMINISTRATOR):
        raise NotPermittedError(f"the key {key.name!r} is no administrator's, which this needs", role=key.role)
    return key


Administrator = Annotated[ApiKey, Depends(administrator)]
