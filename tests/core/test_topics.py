"""Topics."""

import pytest

from core.errors import DomainError
from core.topics import Channel, Topic, every, parse_topic, topic


def test_a_topic_comes_back_as_it_was() -> None:
    assert parse_topic(topic("torino", "calvino", Channel.STORED)) == Topic("torino", "calvino", Channel.STORED)
    assert every(Channel.READINGS) == "promessa/v1/+/+/readings"


@pytest.mark.parametrize("text", ["promessa/v1/a/b", "promessa/v2/a/b/state", "promessa/v1/a/b/other",
                                  "promessa/v1/A/b/state", "promessa/v1/+/b/state", "", "x"])  # fmt: skip
def test_a_foreign_topic_is_refused(text: str) -> None:
    with pytest.raises(DomainError):
        parse_topic(text)


@pytest.mark.parametrize("name", ["+", "#", "a/b", "", "-a", "a" * 65])
def test_a_name_cannot_reach_another_topic(name: str) -> None:
    with pytest.raises(DomainError):
        topic("torino", name, Channel.READINGS)
