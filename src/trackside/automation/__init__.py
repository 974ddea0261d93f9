"""Façades over runs: `PipelineController` as in Trains. The server owns and advances the run (DESIGN 4)."""
