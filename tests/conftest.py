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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share something of their module stay together, so that no second worker makes it again.

    Groups are dealt out first, the largest before the others; then system tests, which are long, so that what comes
    last is short and the workers end together.
    """
    items.sort(key=lambda item: item.get_closest_marker("system") is None)
    for item in items:
        if isinstance(item, pytest.Function) and any(
            found.scope == "module"
            for definitions in item._fixtureinfo.name2fixturedefs.values()
            for found in definitions
        ):
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(item.config.rootpath).as_posix()))
