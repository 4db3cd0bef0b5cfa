"""Browsers of people who are signed in."""

from tests.appeals.conftest import sign_in

__all__ = ["sign_in"]  # a fixture
