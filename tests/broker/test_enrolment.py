"""Credentials: what is written, for whom to read, and what stays of it when it is written again."""

from __future__ import annotations

import base64
import stat
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker.enrolment import ACL_FILE, PASSWORDS_FILE, Kind, enroll, password_hash
from core.errors import ConfigError, DomainError


def users(directory: Path) -> list[str]:
    lines = (directory / PASSWORDS_FILE).read_text().splitlines()
    return [line.split(":")[0] for line in lines if line and not line.startswith("#")]


def block(directory: Path, user: str) -> list[str]:
    lines = (directory / ACL_FILE).read_text().splitlines()
    start = lines.index(f"user {user}") + 1
    return [line for line in "\n".join(lines[start:]).split("user ")[0].splitlines() if line]


def test_hash_is_mosquittos_own() -> None:
    # Made by mosquitto_passwd 2.0.11 for the password "secret".
    salt = "2G1IaFK2bHxIi2Ow"
    digest = "ohHEnBa5zxMHjuyfIMztkxytsT0EUVWShOeonVT3mOSHkj3RJR3LFztFmKP9lpjPfRLznqSPqB4JAsMRxxj5lw=="
    assert password_hash("secret", base64.b64decode(salt)) == f"$7$101${salt}${digest}"


def test_gateway_gets_its_own_topics_and_a_configuration_without_the_password(tmp_path: Path) -> None:
    credential = enroll(tmp_path, Kind.GATEWAY, "calvino", "torino", host="mqtt.example", tls_ca="/etc/ca.crt")
    assert credential.username == "torino/calvino"
    assert block(tmp_path, "torino/calvino") == [
        "topic write promessa/v1/torino/calvino/state",
        "topic write promessa/v1/torino/calvino/readings",
        "topic write promessa/v1/torino/calvino/results",
        "topic read promessa/v1/torino/calvino/stored",
        "topic read promessa/v1/torino/calvino/commands",
    ]
    settings = tomllib.loads(credential.configuration)
    assert settings["broker"]["username"] == "torino/calvino"
    assert settings["gateway"] == {"id": "calvino", "site": "torino"}
    assert len(credential.password) >= 43
    for text in (credential.configuration, repr(credential), (tmp_path / PASSWORDS_FILE).read_text()):
        assert credential.password not in text


def test_enrolling_again_renews_the_password_and_leaves_the_others_alone(tmp_path: Path) -> None:
    enroll(tmp_path, Kind.SERVICE, "ingest")
    first = enroll(tmp_path, Kind.GATEWAY, "a", "site")
    enroll(tmp_path, Kind.GATEWAY, "b", "site")
    before = (tmp_path / PASSWORDS_FILE).read_text().splitlines()
    again = enroll(tmp_path, Kind.GATEWAY, "a", "site")
    after = (tmp_path / PASSWORDS_FILE).read_text().splitlines()

    assert again.password != first.password
    assert sorted(users(tmp_path)) == ["ingest", "site/a", "site/b"]
    assert len(set(before) - set(after)) == 1
    assert (tmp_path / ACL_FILE).read_text().count("user site/a\n") == 1
    assert block(tmp_path, "site/b") == [line.replace("/a/", "/b/") for line in block(tmp_path, "site/a")]


def test_rules_written_by_hand_stay(tmp_path: Path) -> None:
    (tmp_path / ACL_FILE).write_text("# ours\nuser bridge\ntopic read promessa/#\n")
    enroll(tmp_path, Kind.GATEWAY, "a", "site")
    enroll(tmp_path, Kind.GATEWAY, "a", "site")
    assert (tmp_path / ACL_FILE).read_text().startswith("# ours\nuser bridge\ntopic read promessa/#\n")


def test_files_are_nobody_elses_to_read(tmp_path: Path) -> None:
    enroll(tmp_path / "new", Kind.SERVICE, "api")
    for name in (PASSWORDS_FILE, ACL_FILE):
        assert stat.S_IMODE((tmp_path / "new" / name).stat().st_mode) == 0o640
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [ACL_FILE, PASSWORDS_FILE]


def test_enrolments_at_once_forget_nobody(tmp_path: Path) -> None:
    names = [f"gateway-{i}" for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: enroll(tmp_path, Kind.GATEWAY, name, "site"), names))
    assert sorted(users(tmp_path)) == sorted(f"site/{name}" for name in names)


@pytest.mark.parametrize(
    ("kind", "name", "site"),
    [
        (Kind.GATEWAY, "a", ""),
        (Kind.GATEWAY, "a/b", "site"),
        (Kind.GATEWAY, "+", "site"),
        (Kind.GATEWAY, "a\nuser b", "site"),
        (Kind.SERVICE, "grafana", ""),
        (Kind.SERVICE, "ingestion", ""),
        (Kind.SERVICE, "INGEST", ""),
    ],
)
def test_name_that_reaches_too_far_is_refused(tmp_path: Path, kind: Kind, name: str, site: str) -> None:
    with pytest.raises(DomainError):
        enroll(tmp_path, kind, name, site)
    assert list(tmp_path.iterdir()) == []


def test_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        enroll(tmp_path / "file" / "below", Kind.SERVICE, "api")
