"""What holds for all tests."""

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
