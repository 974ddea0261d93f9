"""Tracked tasks, queues, agents and pipelines. Names are resolved on first use: importing this loads almost nothing."""

__version__ = "0.1.0"
