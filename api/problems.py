"""Every error as problem+json (RFC 9457) with a stable ``code``."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from core.errors import PromessaError, UnavailableError

log = logging.getLogger("promessa.api")

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_AFTER_S: Final = 5


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    field: str = Field(examples=["query.limit"])
    message: str = Field(examples=["Input should be less than or equal to 10000"])


class Problem(BaseModel):
    """RFC 9457; further members are facts about the error, such as the limits that a value breaks."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:promessa:error:command.outside-limits"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    code: str = Field(description="Stable, safe to match on.", examples=["command.outside-limits"])
    detail: str = Field(examples=["torino/calvino/hall/heating-setpoint takes 5 to 26 Cel, not 30"])
    instance: str = Field(examples=["/api/v1/commands"])
    errors: list[FieldProblem] | None = Field(default=None, description="One for each field, when the form is wrong.")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that may answer with these problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Answer every error of `app` as a problem."""
    app.add_exception_handler(PromessaError, _on_promessa_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_unexpected)


async def _on_promessa_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PromessaError)  # noqa: S101 - for the type checker: registered for this type
    if isinstance(error, UnavailableError):
        # The message names hosts and files; those are for the log.
        log.error("peer_unavailable code=%s detail=%r", error.code, error.message)
        detail = "A store or broker behind the API does not answer now; try again."
        return _answer(request, error.http_status, error.code, detail, headers={"Retry-After": str(_RETRY_AFTER_S)})
    headers = {
        HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="promessa"'},
        HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": str(_RETRY_AFTER_S)},
    }.get(HTTPStatus(error.http_status))
    return _answer(request, error.http_status, error.code, error.message, headers=headers, more=error.context)


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    errors = [
        {"field": ".".join(str(part) for part in problem["loc"]), "message": str(problem["msg"])}
        for problem in error.errors()
    ]
    detail = "; ".join(f"{e['field']}: {e['message']}" for e in errors)
    return _answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", detail, more={"errors": errors})


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    codes = {400: "request.invalid", 404: "not-found", 405: "method-not-allowed", 413: "request.too-large"}
    code = codes.get(error.status_code, f"http.{error.status_code}")
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return _answer(request, error.status_code, code, detail, headers=dict(error.headers or {}))


async def _on_unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("request_failed method=%s path=%s", request.method, request.url.path, exc_info=error)
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "Something went wrong here; it was logged.")


def _answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    more: dict[str, Any] | None = None,
) -> JSONResponse:
    content = {
        "type": f"urn:promessa:error:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "instance": request.url.path,
    }
    return JSONResponse((more or {}) | content, status, headers, media_type=MEDIA_TYPE)
