"""The form of every resource: where it stands, who may read it, which problems it may answer with."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends

from api.access import viewer
from api.problems import documented

PREFIX: Final = "/api/v1"


def resource(tag: str, path: str = "") -> APIRouter:
    """Router of a resource, for which any key in force is enough unless a route asks for more."""
    return APIRouter(
        prefix=PREFIX + path, tags=[tag], dependencies=[Depends(viewer)], responses=documented(401, 422, 503)
    )
