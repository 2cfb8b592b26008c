"""MQTT topics: ``promessa/v1/<site>/<gateway>/<channel>``."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from core.errors import DomainError
from core.points import check_name

ROOT: Final = "promessa/v1"


class Channel(StrEnum):
    """What a topic carries; who writes it."""

    STATE = "state"
    """Gateway: online or offline, its points and counters; retained, with a last will."""
    READINGS = "readings"
    """Gateway: batches of readings, or a single one."""
    STORED = "stored"
    """Ingest: which batches are durably stored."""
    COMMANDS = "commands"
    """Control and API: commands; never retained, always expiring."""
    RESULTS = "results"
    """Gateway: how commands ended."""


class Topic(NamedTuple):
    """A parsed topic."""

    site: str
    gateway: str
    channel: Channel

    def __str__(self) -> str:
        return f"{ROOT}/{self.site}/{self.gateway}/{self.channel}"


def topic(site: str, gateway: str, channel: Channel) -> str:
    """Topic of one gateway's channel."""
    return str(Topic(check_name(site, "site"), check_name(gateway, "gateway"), channel))


def every(channel: Channel) -> str:
    """Filter that matches `channel` of every gateway."""
    return f"{ROOT}/+/+/{channel}"


def parse_topic(text: str) -> Topic:
    """Take a topic apart.

    Raises
    ------
    DomainError
        It is not one of ours.
    """
    parts = text.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT or parts[4] not in Channel.__members__.values():
        raise DomainError(f"{text[:120]!r} is not a Promessa topic")
    return Topic(check_name(parts[2], "site"), check_name(parts[3], "gateway"), Channel(parts[4]))
