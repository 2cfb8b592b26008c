"""A file that names points of an FMU where its own description is not enough."""

from __future__ import annotations

from pathlib import Path

import msgspec

from core.errors import ConfigError


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said about one point; what is None stays as it was found.

    Attributes
    ----------
    name, brick_class, zone
        As in `simulators.port.SimulatedPoint`.
    unit
        Unit of the FMU's variable, where the FMU gives none or a wrong one: ``K``, ``W``, ``degC`` …
    minimum, maximum
        Limits of what may be written, in the point's unit.
    ignore
        There is no such point.
    """

    name: str | None = None
    brick_class: str | None = None
    zone: str | None = None
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    ignore: bool = False


class Naming(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a naming file says.

    Attributes
    ----------
    points
        By the name of the FMU's variable, without BOPTEST's ``_u`` or ``_y``.
    energy
        Registers and the outputs of power that they add up, in place of those that were found:
        ``electricity/fans`` → ``["fcu_reaPFan_y"]``. A carrier that is not given is the sum of its parts.
    """

    points: dict[str, Named] = {}
    energy: dict[str, list[str]] = {}


def read_naming(path: Path) -> Naming:
    """Read a naming file (TOML).

    Raises
    ------
    ConfigError
        It cannot be read or says something else.
    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Naming)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
