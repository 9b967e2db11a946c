"""Fixtures that several packages' tests share."""

from tests.engine_fixture import demo_engine, never_ending_engine

__all__ = ["demo_engine", "never_ending_engine"]
