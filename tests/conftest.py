"""Fixtures that several packages' tests share."""

from tests.engine_fixture import brief_demo_model, demo_engine, never_ending_engine

__all__ = ["brief_demo_model", "demo_engine", "never_ending_engine"]
