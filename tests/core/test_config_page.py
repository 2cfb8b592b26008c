"""The page about the configuration names every key and its examples are valid."""

import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from core.config import Config, load_config

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
NAMED = {part for code in re.findall(r"`([^`\n]+)`", PAGE) for part in re.split(r"[.\[\]]", code)}


def keys(kind: type[msgspec.Struct]) -> set[str]:
    found: set[str] = set()
    renamed = dict(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))
    for name, hint in get_type_hints(kind).items():
        if name not in renamed:
            continue
        found.add(renamed[name])
        found |= {key for inner in structs(hint) for key in keys(inner)}
    return found


def structs(hint: Any) -> list[type[msgspec.Struct]]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return [hint]
    return [found for arg in get_args(hint) for found in structs(arg)]


def test_every_key_is_explained() -> None:
    assert keys(Config) - NAMED == set()


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_examples_are_valid(example: str) -> None:
    load_config(example)
