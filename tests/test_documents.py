"""What the papers say about configuration and about each other is so."""

import re
import tomllib
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import msgspec
import pytest

from core.config import Config, load_config

ROOT = Path(__file__).parent.parent
PAPERS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_links_lead_somewhere(paper: Path) -> None:
    broken = [
        target
        for target, anchor in LINK.findall(paper.read_text())
        if not (found := paper.parent / target if target else paper).exists()
        or (anchor and anchor not in _anchors(found))
    ]
    assert broken == []


@pytest.mark.parametrize("number", [0, 1])
def test_examples_of_the_configuration_load(number: int) -> None:
    assert load_config(TOML.findall((ROOT / "docs/configuration.md").read_text())[number]).sites


@pytest.mark.parametrize("driver", ["modbus", "replay"])
def test_examples_of_the_drivers_load(driver: str) -> None:
    example = TOML.findall((ROOT / f"docs/drivers/{driver}.md").read_text())[0]
    gateway = load_config('[gateway]\nid = "a"\nsite = "torino"\n' + example).gateway
    assert gateway is not None
    assert [device.driver for device in gateway.devices] == [driver]


def test_the_example_speaks_to_the_simulated_library() -> None:
    from simulators import calvino

    config = load_config((ROOT / "deploy/example.toml").read_text())
    assert config.gateway is not None
    library = {point.id: point for point in calvino.device_points()}
    for point in config.gateway.devices[0].points:
        assert {"word_order": "big"} | point.source == {"word_order": "big"} | library[point.id].source
        assert point.brick_class == library[point.id].brick_class


def test_every_key_of_the_configuration_is_explained() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    tables = " ".join(line for line in text.splitlines() if line.startswith("|"))
    explained = {word.rpartition(".")[2] for word in re.findall(r"`([a-z0-9_.]+)`", tables)}
    sections = {
        "broker",
        "sites",
        "buildings",
        "gateway",
        "store",
        "sqlite",
        "influxdb",
        "registry",
        "ingest",
        "api",
        "fleet",
    }
    assert _keys(Config) - explained - sections == set()


def test_the_changelog_knows_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(rf"^## (Unreleased|\[?{re.escape(version)})", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def _keys(kind: Any) -> set[str]:
    if get_origin(kind) in (list, UnionType):
        return set().union(*(_keys(argument) for argument in get_args(kind)))
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return set()
    fields = msgspec.structs.fields(kind)
    return {field.encode_name for field in fields}.union(*(_keys(field.type) for field in fields))


def _anchors(paper: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", paper.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
