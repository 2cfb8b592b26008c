"""Errors of the API's own: who asks, how they ask, and commands that cannot be given."""

from __future__ import annotations

from core.errors import ConflictError, DomainError, PromessaError


class AuthenticationError(PromessaError):
    """No key, or none in force."""

    code = "auth.required"
    exit_status = 77
    http_status = 401


class BusyError(PromessaError):
    """Too many ask for heavy work at once; trying again later is right."""

    code = "busy"
    exit_status = 75
    http_status = 503


class RequestError(DomainError):
    """A parameter that has the right form, but no use here."""

    code = "request.invalid"


class OutsideLimitsError(DomainError):
    """A value beyond what the point may be told."""

    code = "command.outside-limits"


class NotDrivenError(ConflictError):
    """The point is not one that can be driven now: no limits, no gateway, or a gateway that only reads."""

    code = "command.not-driven"


class KeyReusedError(ConflictError):
    """An Idempotency-Key that came before with a different request."""

    code = "command.idempotency-key-reused"
    http_status = 422
