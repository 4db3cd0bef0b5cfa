"""Benchmarks: a command of their own, never timed tests."""
