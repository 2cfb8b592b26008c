"""Turns TOML text and the environment into a `Config`, or names the line that is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from core.config.models import Config
from core.errors import ConfigError, DomainError

ENV_PREFIX: Final = "PROMESSA_"
_NOT_SETTINGS: Final = ("PROMESSA_TEST_", "PROMESSA_CONFIG", "PROMESSA_LOG_LEVEL")
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(r"\s*([A-Za-z0-9_\-\".]+)\s*=")

S = TypeVar("S")


def load_config(text: str, environ: Mapping[str, str] | None = None, source: str = "configuration") -> Config:
    """Validate TOML `text` with ``PROMESSA_SECTION__KEY`` of `environ` laid over it.

    Parameters
    ----------
    text
        TOML.
    environ
        For example ``os.environ``; ``PROMESSA_BROKER__HOST`` stands for ``host`` in ``[broker]``.
        Values are read as TOML where they are TOML, else as text.
    source
        Name of the file, for messages.

    Raises
    ------
    ConfigError
        Names source, line (or variable) and what is wrong.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: not TOML: {error}") from error
    overlaid = _overlay(tree, environ or {})
    try:
        return msgspec.convert(tree, Config)
    except (msgspec.ValidationError, DomainError) as error:
        path = _precise_path(tree, Config, error)
        variable = next((name for name, keys in overlaid.items() if path[: len(keys)] == keys), None)
        where = variable or _where(source, line_of(text, path))
        raise ConfigError(f"{where}: {_explain(error, path)}") from error


def convert_options(options: Mapping[str, Any], kind: type[S], where: str) -> S:
    """Validate a driver's own keys as `kind`; `where` names them in the ConfigError."""
    try:
        return msgspec.convert(options, kind)
    except (msgspec.ValidationError, DomainError) as error:
        raise ConfigError(f"{where}: {_explain(error, _path_of(error))}") from error


def _overlay(tree: dict[str, Any], environ: Mapping[str, str]) -> dict[str, list[str | int]]:
    """Write the environment into `tree`; returns the path that each variable set."""
    overlaid: dict[str, list[str | int]] = {}
    for name, raw in sorted(environ.items()):
        if not name.startswith(ENV_PREFIX) or name.startswith(_NOT_SETTINGS):
            continue
        keys = name.removeprefix(ENV_PREFIX).lower().split("__")
        node = tree
        for key in keys[:-1]:
            child = node.setdefault(key, {})
            if not isinstance(child, dict):
                raise ConfigError(f"{name}: {key!r} is not a section that the environment can reach into")
            node = child
        # A section that has text where this is text keeps it text: a password of digits stays a password.
        node[keys[-1]] = raw if keys[-1] in ("password", "token", "username") else _value(raw)
        overlaid[name] = list(keys)
    return overlaid


def _value(raw: str) -> Any:
    try:
        return tomllib.loads(f"v = {raw}")["v"]
    except tomllib.TOMLDecodeError:
        return raw


def _path_of(error: Exception) -> list[str | int]:
    found = re.search(r"at `(?:key in )?\$([^`]*)`", str(error))
    if not found:
        return []
    parts = re.findall(r"\[\.\.\.\]|\.([A-Za-z0-9_]+)|\[(\d+)\]", found.group(1))
    return [name or (int(index) if index else -1) for name, index in parts]


def _precise_path(tree: dict[str, Any], kind: type[Any], error: Exception) -> list[str | int]:
    """Path of `error` with the index of each list element, which msgspec writes as ``[...]``.

    Found by asking again with only one element in the list: the one that still fails is the one.
    """
    path = _path_of(error)
    for depth, part in enumerate(path):
        if part != -1:
            continue
        parent: Any = tree
        for key in path[: depth - 1]:
            parent = parent[key]
        name, items = path[depth - 1], parent[path[depth - 1]]
        for index, item in enumerate(items):
            parent[name] = [item]
            try:
                msgspec.convert(tree, kind)
            except (msgspec.ValidationError, DomainError) as again:
                if str(again) == str(error):
                    path[depth] = index
                    break
            finally:
                parent[name] = items
    unknown = re.search(r"unknown field `([^`]+)`", str(error))
    return [*path, unknown.group(1)] if unknown else path


def line_of(text: str, path: list[str | int]) -> int | None:
    """Line (from 1) on which `path` is set in TOML `text`, or that of the nearest table above it; None if none."""
    best: tuple[int, int] | None = None
    table: list[str | int] = []
    counts: dict[tuple[str | int, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        here: list[str | int] | None = None
        if header := _HEADER.match(line):
            table = _absolute(header.group(2), counts, is_array=header.group(1) == "[[")
            here = table
        elif key := _KEY.match(line):
            here = [*table, *_split(key.group(1))]
        if here and path[: len(here)] == here and (best is None or len(here) >= best[0]):
            best = (len(here), number)
    return best[1] if best else None


def _split(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]


def _absolute(dotted: str, counts: dict[tuple[str | int, ...], int], *, is_array: bool) -> list[str | int]:
    """Path of a table header, with the index of every array of tables that it lies in."""
    path: list[str | int] = []
    parts = _split(dotted)
    for i, part in enumerate(parts):
        path.append(part)
        key = tuple(path)
        if is_array and i == len(parts) - 1:
            counts[key] = counts.get(key, -1) + 1
        if key in counts:
            path.append(counts[key])
    return path


def _where(source: str, line: int | None) -> str:
    return f"{source}:{line}" if line else source


def _explain(error: Exception, path: list[str | int]) -> str:
    message = re.sub(r" - at `[^`]*`$", "", str(error))
    name = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")
    return f"{name}: {message}" if name else message
