"""Every action: one line each. The server does not start when one does not say what it permits."""

from trackside import __version__
from trackside.protocol import auth as wire_auth
from trackside.protocol import events as wire_events
from trackside.protocol import models as wire_models
from trackside.protocol import pipelines as wire_pipelines
from trackside.protocol import projects as wire_projects
from trackside.protocol import queues as wire_queues
from trackside.protocol import tasks as wire_tasks
from trackside.protocol.base import API_VERSION

from . import (
    auth,
    leases,
    lifecycle,
    models,
    projects,
    queues,
    task_queries,
    tasks,
    transitions,
    workers,
)
from .caller import Caller
from .context import Server
from .dispatch import Route, reads, serves, writes
from .engine import runs
from .events import console, ingest, plots, scalars


def _ping(_server: Server, _caller: Caller, _request: wire_auth.DebugPing) -> wire_auth.Ping:
    return wire_auth.Ping(msg="Trackside")


def _info(server: Server, _caller: Caller, _request: wire_auth.GetServerInfo) -> wire_auth.ServerInfo:
    return wire_auth.ServerInfo(version=__version__, build=__version__, uid=server.company, api_version=API_VERSION)


def _modes(_server: Server, caller: Caller, _request: wire_auth.GetSupportedModes) -> wire_auth.SupportedModes:
    return wire_auth.SupportedModes(
        authenticated=bool(caller.user),
        basic={"enabled": False, "guest": {"enabled": False}},
        sso={},
        sso_providers=[],
        server_errors={"missed_es_upgrade": False, "es_connection_error": False},
    )


ROUTES: tuple[Route, ...] = (
    serves(wire_auth.DebugPing, _ping),
    serves(wire_auth.GetServerInfo, _info),
    serves(wire_auth.GetSupportedModes, _modes),
    writes(wire_auth.Login, auth.login),
    writes(wire_auth.GetChallenge, auth.challenge),
    writes(wire_auth.ProveSecret, auth.prove),
    writes(wire_auth.CreateLoginTicket, auth.create_login_ticket),
    writes(wire_auth.RedeemLoginTicket, auth.redeem_login_ticket),
    writes(wire_auth.Logout, auth.logout),
    writes(wire_auth.CreateCredentials, auth.create_credentials),
    reads(wire_auth.GetCredentials, auth.get_credentials),
    writes(wire_auth.RevokeCredentials, auth.revoke_credentials),
    reads(wire_auth.ValidateToken, auth.validate_token),
    reads(wire_auth.GetCurrentUser, auth.current_user),
    reads(wire_auth.GetUsers, auth.get_users),
    writes(wire_projects.CreateProject, projects.create),
    reads(wire_projects.GetProject, projects.get),
    reads(wire_projects.GetProjects, projects.get_all),
    reads(wire_projects.GetProjectsEx, projects.get_all_ex),
    writes(wire_projects.UpdateProject, projects.update),
    writes(wire_tasks.CreateTask, tasks.create),
    reads(wire_tasks.GetTask, tasks.get),
    reads(wire_tasks.GetTaskEx, task_queries.get_by_id_ex),
    reads(wire_tasks.GetTasks, task_queries.get_all),
    reads(wire_tasks.GetTasksEx, task_queries.get_all_ex),
    writes(wire_tasks.EditTask, tasks.edit),
    writes(wire_tasks.UpdateTask, tasks.update),
    writes(wire_tasks.SetRequirements, tasks.set_requirements),
    writes(wire_tasks.EditHyperParams, tasks.edit_hyper_params),
    writes(wire_tasks.EditConfiguration, tasks.edit_configuration),
    writes(wire_tasks.AddOrUpdateArtifacts, tasks.add_or_update_artifacts),
    writes(wire_tasks.AddOrUpdateModel, tasks.add_or_update_model),
    writes(wire_tasks.CloneTask, tasks.clone),
    writes(wire_tasks.DeleteTask, tasks.delete),
    writes(wire_tasks.PingTask, tasks.ping),
    writes(wire_tasks.StartTask, transitions.started),
    writes(wire_tasks.CompleteTask, transitions.completed),
    writes(wire_tasks.TaskStopped, transitions.stopped),
    writes(wire_tasks.TaskFailed, transitions.failed),
    writes(wire_tasks.StopTask, lifecycle.stop),
    writes(wire_tasks.ResetTask, transitions.reset),
    writes(wire_tasks.EnqueueTask, transitions.enqueue),
    writes(wire_tasks.DequeueTask, transitions.dequeue),
    writes(wire_models.CreateModel, models.create),
    reads(wire_models.GetModel, models.get),
    reads(wire_models.GetModels, models.get_all),
    writes(wire_models.EditModel, models.edit),
    writes(wire_queues.CreateQueue, queues.create),
    reads(wire_queues.GetQueue, queues.get),
    reads(wire_queues.GetQueues, queues.get_all),
    reads(wire_queues.GetQueuesEx, queues.get_all_ex),
    reads(wire_queues.GetDefaultQueue, queues.default),
    writes(wire_queues.RemoveTask, queues.remove_task),
    writes(wire_queues.GetNextTask, leases.next_task),
    writes(wire_queues.ClaimTasks, leases.claim),
    writes(wire_queues.RenewLease, leases.renew),
    writes(wire_queues.StartLease, leases.start),
    writes(wire_queues.EndLease, leases.end),
    writes(wire_queues.RegisterWorker, workers.register),
    writes(wire_queues.UnregisterWorker, workers.unregister),
    writes(wire_queues.ReportWorker, workers.status_report),
    reads(wire_queues.GetWorkers, workers.get_all),
    serves(wire_events.AddEvents, ingest.add_batch),
    serves(wire_events.AppendEvents, ingest.append),
    serves(wire_events.GetTaskLog, console.get_task_log),
    serves(wire_events.GetTaskPlots, plots.get_task_plots),
    serves(wire_events.ScalarHistogram, scalars.scalar_metrics_iter_histogram),
    writes(wire_pipelines.CreateRun, runs.create),
    reads(wire_pipelines.GetRun, runs.get),
    reads(wire_pipelines.WaitRun, runs.wait),
    writes(wire_pipelines.StopRun, runs.stop),
)


def table() -> dict[str, Route]:
    """Routes by endpoint name.

    Raises:
        RuntimeError: one declares no permission, or two share a name.
    """
    by_name: dict[str, Route] = {}
    for route in ROUTES:
        request = route.request
        if getattr(request, "permission", None) not in ("public", "read", "write", "admin"):
            raise RuntimeError(f"{request.__name__} does not say who may call it")
        if request.endpoint in by_name:
            raise RuntimeError(f"two routes are called {request.endpoint}")
        by_name[request.endpoint] = route
    return by_name
