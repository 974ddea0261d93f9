"""The run as Trains and ClearML keep it on the controller task: object and section `Pipeline`. Pure.

It is a view, written when a run starts and ends; nobody but a person's edit before a new start is read from it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from trackside.protocol import parameters
from trackside.protocol.pipelines import STEP_GOOD
from trackside.protocol.tasks import ConfigurationItem, Parameter

NAME = "Pipeline"


def configuration(
    steps: Iterable[Mapping[str, Any]], queue_names: Mapping[str, str], default: str | None
) -> ConfigurationItem:
    """The configuration object.

    Args:
        steps: rows of the table `step`.
        queue_names: name of each queue by its id.
        default: id of the run's default queue; a step in it shows no queue of its own, so that editing the default
            moves it.
    """
    document = {row["name"]: _node(row, queue_names, default) for row in steps}
    return ConfigurationItem(name=NAME, type="dictionary", value=json.dumps(document, indent=2))


def _node(row: Mapping[str, Any], queue_names: Mapping[str, str], default: str | None) -> dict[str, Any]:
    return {
        "base_task_id": row["base_task_id"],
        "queue": None if row["queue"] == default else queue_names.get(row["queue"], row["queue"]),
        "parents": row["parents"],
        "timeout": row["time_limit"],
        "parameters": row["parameters"],
        "executed": _executed(row),
        "status": row["status"],
        "job_id": row["task"],
        "retries": row["retries"],
        "continue_on_fail": row["continue_on_fail"],
    }


def _executed(row: Mapping[str, Any]) -> str | bool | None:
    """The task's id, False for failed, None for not (yet): Trains' reading."""
    if row["status"] in STEP_GOOD:
        return str(row["task"])
    return False if row["status"] in ("failed", "aborted") else None


def section(*, default_queue: str | None, tag_steps: bool) -> dict[str, Parameter]:
    values = {"continue_pipeline": False, "default_queue": default_queue, "add_pipeline_tags": tag_steps}
    return {name: parameters.parameter(NAME, name, value) for name, value in values.items()}
