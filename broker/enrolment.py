"""Makes the credentials of gateways and services in Mosquitto's password file and access list."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from core.errors import ConfigError, DomainError
from core.points import check_name
from core.topics import ROOT, Channel, every, topic

PASSWORDS_FILE: Final = "passwords"
ACL_FILE: Final = "acl"
_HASH_ROUNDS: Final = 101
"""As mosquitto_passwd: the passwords are 256 random bits, which no stretching makes harder to guess, and the broker
computes them on its only thread whenever a fleet reconnects."""


class Kind(StrEnum):
    """Whose credential it is."""

    GATEWAY = "gateway"
    SERVICE = "service"


class Role(StrEnum):
    """What a service does; its name is the role, or the role with a suffix: ``ingest``, ``ingest-2``."""

    INGEST = "ingest"
    CONTROL = "control"
    API = "api"


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential just made; the password is stored nowhere else and cannot be shown again.

    Attributes
    ----------
    username
        ``site/gateway``, or the service's name.
    password
        256 random bits.
    configuration
        TOML for the owner's file, without the password.
    """

    username: str
    password: str = field(repr=False)
    configuration: str


def enroll(
    directory: Path,
    kind: Kind,
    name: str,
    site: str = "",
    *,
    host: str = "127.0.0.1",
    port: int = 8883,
    tls_ca: str = "",
) -> Credential:
    """Make or renew a credential in Mosquitto's files in `directory`.

    An earlier credential of the same name stops to count once Mosquitto reads its files again (SIGHUP, or
    ``systemctl reload mosquitto``); connections that stand are not cut.

    Parameters
    ----------
    directory
        Holds ``passwords`` and ``acl``; made if missing.
    kind
        A gateway reaches its own topics only; a service those of its `Role`.
    name
        The gateway's or service's name.
    site
        The gateway's site.
    host, port, tls_ca
        Where the owner will find the broker, for its configuration.

    Raises
    ------
    DomainError
        A name cannot stand in a topic, or the service is of no role.
    ConfigError
        The files cannot be written.
    """
    if kind is Kind.GATEWAY:
        username, rules = f"{check_name(site, 'site')}/{check_name(name, 'gateway')}", gateway_rules(site, name)
    else:
        username, rules = check_name(name, "service"), service_rules(name)
    password = secrets.token_urlsafe(32)
    write_credential(directory, username, password, rules)
    lines = _broker_section(username, host, port, tls_ca)
    if kind is Kind.GATEWAY:
        lines += ["", "[gateway]", f'id = "{name}"', f'site = "{site}"']
    return Credential(username, password, "\n".join([*lines, ""]))


def gateway_rules(site: str, gateway: str) -> list[str]:
    """Access rules of a gateway: writes its state, readings and results, reads what is meant for it."""
    writes = (Channel.STATE, Channel.READINGS, Channel.RESULTS)
    reads = (Channel.STORED, Channel.COMMANDS)
    return [f"topic write {topic(site, gateway, c)}" for c in writes] + [
        f"topic read {topic(site, gateway, c)}" for c in reads
    ]


def service_rules(name: str) -> list[str]:
    """Access rules of a service by its role."""
    role = next((r for r in Role if name == r or name.startswith(f"{r}-")), None)
    if role is None:
        raise DomainError(f"service {name!r}: its name begins with its role, one of {', '.join(Role)}")
    if role is Role.INGEST:
        reads, writes = [Channel.READINGS, Channel.STATE], Channel.STORED
    else:
        reads, writes = [Channel.STORED, Channel.RESULTS, Channel.STATE], Channel.COMMANDS
    return [*(f"topic read {every(c)}" for c in reads), f"topic write {every(writes)}"]


def write_credential(directory: Path, username: str, password: str, rules: Sequence[str]) -> None:
    """Put a password and access rules into Mosquitto's files, in place of what stood there for `username`."""
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        with _locked(directory):
            _replace(directory / ACL_FILE, _with_rules(_read(directory / ACL_FILE), username, rules))
            _replace(directory / PASSWORDS_FILE, _with_password(_read(directory / PASSWORDS_FILE), username, password))
    except OSError as error:
        raise ConfigError(f"cannot write Mosquitto's credentials in {directory}: {error.strerror}") from error


def password_hash(password: str, salt: bytes) -> str:
    """Mosquitto 2's form ``$7$rounds$salt$hash``: PBKDF2 with HMAC-SHA512."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _HASH_ROUNDS)
    return f"$7${_HASH_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _with_password(text: str, username: str, password: str) -> str:
    others = [line for line in text.splitlines() if line.partition(":")[0] != username]
    return "\n".join([*others, f"{username}:{password_hash(password, secrets.token_bytes(12))}", ""])


def _with_rules(text: str, username: str, rules: Sequence[str]) -> str:
    """Access list with one block for `username`: from its ``user`` line up to the next."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("user "):
            inside = line.removeprefix("user ").strip() == username
        if not inside:
            kept.append(line)
    head = "\n".join(kept).rstrip()
    return "\n".join([*([head, ""] if head else []), f"user {username}", *rules, ""])


def _broker_section(username: str, host: str, port: int, tls_ca: str) -> list[str]:
    lines = ["[broker]", f'host = "{host}"', f"port = {port}", f'username = "{username}"']
    lines.append('password_file = "mqtt-password"  # a file of mode 0600 that holds the password and nothing else')
    return [*lines, f'tls_ca = "{tls_ca}"'] if tls_ca else lines


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Let two enrolments at once follow one another, so that neither forgets the other's entry."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else f"# {ROOT}: written by 'promessa enroll'\n"


def _replace(path: Path, text: str) -> None:
    """Replace a file in one step, durably; readable by its owner and by the group of its directory."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o640)
            if os.geteuid() == 0:
                # Mosquitto reads its files as its own user, whose group the directory has been given to.
                os.fchown(file.fileno(), -1, path.parent.stat().st_gid)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
