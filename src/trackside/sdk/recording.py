"""What a process that runs a task holds for it: the journal, who ships it, and the work behind."""

import os
import pathlib
import uuid
from typing import TYPE_CHECKING

from trackside.journal.writer import JournalWriter
from trackside.protocol import tasks
from trackside.settings import Settings

from .background import Background

if TYPE_CHECKING:
    from trackside.journal.companion import Companion


class Recording:
    """The recording of one attempt by this process.

    Attributes:
        supervised: another process started this one, captures its streams, and sets the task's status.
        companion: ships the journal; None when the supervisor does.
        settled: the script has set its task's final status itself.
        closed: nothing is recorded any more.
        streams: what the process prints is recorded, by itself or by its supervisor.
    """

    def __init__(self, known: Settings, task: tasks.Task, *, capture_machine: bool, streams: bool) -> None:
        self.process = os.getpid()
        self.supervised = known.task_id is not None
        self.background = Background()
        self.settled = False
        self.streams = streams or self.supervised
        self.saved_models: dict[str, str] = {}  #: model ids by the path they were saved to
        self.closed = False
        self.companion: Companion | None = None
        folder = known.journal or known.home / "journals" / f"{task.id}-{uuid.uuid4().hex[:8]}"
        self.journal = JournalWriter(folder)
        if known.journal is None:
            self.companion = _start_companion(folder, known, task, capture_machine=capture_machine)

    @property
    def ours(self) -> bool:
        """Whether this process began the recording, and was not forked from who did."""
        return self.process == os.getpid()


def _start_companion(folder: pathlib.Path, known: Settings, task: tasks.Task, *, capture_machine: bool) -> "Companion":
    from trackside.journal import companion

    return companion.start(folder, known, task.id, task.attempt, capture_machine=capture_machine)
