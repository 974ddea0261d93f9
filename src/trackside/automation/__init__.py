"""Façades over runs: `PipelineController` as in Trains. The server owns and advances the run (DESIGN 4)."""

from .controller import PipelineController

__all__ = ["PipelineController"]
