"""Tests of what an extra brings are collected where it is installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("pyenergyplus") else ["test_office.py"]
