"""Tests of what an extra brings are collected where it is installed."""

from importlib.util import find_spec

_EXTRAS = {"test_energyplus.py": "pyenergyplus", "test_energyplus_air.py": "pyenergyplus", "test_fmu.py": "fmpy"}
collect_ignore = [test for test, package in _EXTRAS.items() if find_spec(package) is None]
