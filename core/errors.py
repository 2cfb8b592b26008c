"""One root exception with a stable code, and the tree below it.

::

    PromessaError                 promessa
    ├── ConfigError               config.invalid
    │   └── SecretMissingError    config.secret-missing
    ├── DomainError               domain.invalid      a value that breaks a rule of the field
    │   └── CodecError            payload.undecodable
    ├── NotFoundError             not-found
    ├── ConflictError             conflict
    ├── UnavailableError          unavailable         a peer (broker, store, device) does not answer: try again
    │   ├── BrokerError           broker.unavailable
    │   ├── StoreError            store.unavailable
    │   └── DeviceError           device.unavailable
    └── NotPermittedError         not-permitted

A room adds its own few below these. The API maps them to problem+json, the CLI to one line and an exit status.
"""

from __future__ import annotations

from typing import ClassVar


class PromessaError(Exception):
    """Root of every error Promessa raises on purpose.

    Parameters
    ----------
    message
        One sentence that names what is wrong and where.
    **context
        Facts for a machine: kept as `context` and shown by the API; never secrets.

    Attributes
    ----------
    code : str
        Stable identifier, safe to match on.
    exit_status : int
        What the command line ends with (sysexits.h).
    http_status : int
        What the API answers with.
    """

    code: ClassVar[str] = "promessa"
    exit_status: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, **context: object) -> None:
        super().__init__(message)
        self.message = message
        self.context = context


class ConfigError(PromessaError):
    """The configuration is missing or wrong."""

    code = "config.invalid"
    exit_status = 78


class SecretMissingError(ConfigError):
    """A secret is not set; nothing starts with a default one."""

    code = "config.secret-missing"


class DomainError(PromessaError, ValueError):
    """A value breaks a rule of the field: a bad point id, a slot out of range, a command without expiry."""

    code = "domain.invalid"
    exit_status = 65
    http_status = 422


class CodecError(DomainError):
    """A payload cannot be decoded."""

    code = "payload.undecodable"
    http_status = 400


class NotFoundError(PromessaError):
    """What was asked for does not exist."""

    code = "not-found"
    exit_status = 66
    http_status = 404


class ConflictError(PromessaError):
    """The request contradicts what is there."""

    code = "conflict"
    http_status = 409


class UnavailableError(PromessaError):
    """A peer does not answer now; trying again later is right."""

    code = "unavailable"
    exit_status = 69
    http_status = 503


class BrokerError(UnavailableError):
    """The MQTT broker does not answer or refuses us."""

    code = "broker.unavailable"


class StoreError(UnavailableError):
    """The reading store or the registry does not answer."""

    code = "store.unavailable"


class DeviceError(UnavailableError):
    """A field device does not answer."""

    code = "device.unavailable"


class NotPermittedError(PromessaError):
    """The caller may not do this."""

    code = "not-permitted"
    exit_status = 77
    http_status = 403
