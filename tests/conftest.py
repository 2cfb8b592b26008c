"""What holds for all tests."""

import pytest
from hypothesis import HealthCheck, settings

import cli  # noqa: F401 - before numpy is loaded: one BLAS thread, as the command line has it

# How long an example takes says how busy the machine is; timings are benchmarks, never tests.
settings.register_profile(
    "promessa",
    settings.default,
    deadline=None,
    suppress_health_check=[*settings.default.suppress_health_check, HealthCheck.too_slow],
)
settings.load_profile("promessa")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put modules with system tests first: they are long, and workers that are dealt short ones last end together."""
    long = {item.path for item in items if item.get_closest_marker("system")}
    items.sort(key=lambda item: item.path not in long)
