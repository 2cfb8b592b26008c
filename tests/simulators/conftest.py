"""Tests of what an extra brings are collected where it is installed."""

from importlib.util import find_spec

_EXTRAS = {"pyenergyplus": "test_energyplus.py", "fmpy": "test_fmu.py"}
collect_ignore = [test for package, test in _EXTRAS.items() if find_spec(package) is None]
