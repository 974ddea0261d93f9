"""`trackside task …`: what one does to a task, from a shell."""

import argparse
from typing import Any

import msgspec

from trackside import settings as settings_module
from trackside.client import connect
from trackside.client.api import Api
from trackside.errors import UsageError
from trackside.protocol.parameters import as_flat, split_key
from trackside.protocol.tasks import (
    CloneTask,
    EditHyperParams,
    EnqueueTask,
    GetTask,
    GetTasksEx,
    Parameter,
    StopTask,
)

from .output import data, say, table


def configure(_name: str, parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="newest first")
    listing.add_argument("--project", help="only of this project (name)")
    listing.add_argument("--status", action="append", help="only in this status; may be given again")
    listing.add_argument("--name", help="a pattern that the name contains")
    listing.add_argument("--limit", type=int, default=20)
    listing.set_defaults(act=list_tasks)

    show = commands.add_parser("show", help="one task")
    show.add_argument("task", metavar="ID")
    show.set_defaults(act=show_task)

    clone = commands.add_parser("clone", help="a new draft like it; prints its id")
    clone.add_argument("task", metavar="ID")
    clone.add_argument("--name")
    clone.add_argument("--set", action="append", default=[], metavar="SECTION/NAME=VALUE", help="override a parameter")
    clone.add_argument("--queue", help="enqueue the clone here at once")
    clone.set_defaults(act=clone_task)

    enqueue = commands.add_parser("enqueue", help="have an agent run it")
    enqueue.add_argument("task", metavar="ID")
    enqueue.add_argument("--queue", default="default", help="name or id (default: %(default)s)")
    enqueue.set_defaults(act=enqueue_task)

    abort = commands.add_parser("abort", help="stop it; a pipeline's steps with it")
    abort.add_argument("task", metavar="ID")
    abort.set_defaults(act=abort_task)

    for command in (listing, show, clone, enqueue, abort):
        command.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = settings_module.load()
    if settings.api_host is None:
        raise UsageError("no server is known here: start one with 'trackside up', or set TRACKSIDE_API_HOST and a key")
    options.act(connect(settings), options)
    return 0


def list_tasks(api: Api, options: argparse.Namespace) -> None:
    request = GetTasksEx(
        name=options.name,
        status=options.status,
        order_by=["-last_update"],
        page_size=options.limit,
        only_fields=["name", "type", "status", "project", "last_update"],
    )
    found = api.call(request).tasks
    if options.project:
        found = [item for item in found if (item.get("project") or {}).get("name") == options.project]
    if options.json:
        data(found)
        return
    shown = [item | {"project": (item.get("project") or {}).get("name")} for item in found]
    table(shown, ("id", "name", "type", "status", "project", "last_update"))


def show_task(api: Api, options: argparse.Namespace) -> None:
    task = api.call(GetTask(task=options.task)).task
    if options.json:
        data(task)
        return
    rows: list[dict[str, Any]] = [
        {"field": name, "value": getattr(task, name)}
        for name in ("id", "name", "type", "status", "status_reason", "project", "parent", "started", "completed")
    ]
    rows += [{"field": name, "value": value} for name, value in as_flat(task.hyperparams or {}).items()]
    artifacts = (task.execution.artifacts if task.execution else None) or []
    rows += [{"field": f"artifact {item.key}", "value": item.uri} for item in artifacts]
    table(rows, ("field", "value"))


def clone_task(api: Api, options: argparse.Namespace) -> None:
    made = api.call(CloneTask(task=options.task, new_task_name=options.name)).id
    if options.set:
        api.call(EditHyperParams(task=made, hyperparams=[_parameter(text) for text in options.set]))
    warning = _enqueue(api, made, options.queue) if options.queue else None
    _answer(options, {"id": made}, made, warning)


def _parameter(text: str) -> Parameter:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"{text!r} is not SECTION/NAME=VALUE")
    section, name = split_key(key)
    return Parameter(section=section, name=name, value=value)


def enqueue_task(api: Api, options: argparse.Namespace) -> None:
    warning = _enqueue(api, options.task, options.queue)
    _answer(options, {"id": options.task, "queue": options.queue, "queue_watched": warning is None}, "", warning)


def _enqueue(api: Api, task: str, queue: str) -> str | None:
    reply = api.call(EnqueueTask(task=task, queue=queue, verify_watched_queue=True))
    if reply.queue_watched:
        return None
    return f"no worker listens to the queue {queue!r}: it waits until one does (trackside agent --queue {queue})"


def abort_task(api: Api, options: argparse.Namespace) -> None:
    reply = api.call(StopTask(task=options.task))
    note = None if reply.updated else "it had ended already; nothing was changed"
    _answer(options, msgspec.to_builtins(reply), "", note)


def _answer(options: argparse.Namespace, machine: Any, person: str, note: str | None) -> None:
    if note:
        say(note)
    if options.json:
        data(machine)
    elif person:
        print(person)
