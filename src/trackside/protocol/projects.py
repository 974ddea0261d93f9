"""Projects: names with `/` are paths; missing ancestors are made (protocol.md §3.3)."""

import datetime as dt
from typing import Any

from .base import ListQuery, Request, Updated, Wire
from .tasks import Created


class Project(Wire):
    id: str
    name: str | None = None
    basename: str | None = None
    parent: str | None = None
    description: str | None = None
    user: str | None = None
    company: str | None = None
    created: dt.datetime | None = None
    last_update: dt.datetime | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    default_output_destination: str | None = None


class ProjectReply(Wire):
    project: Project


class ProjectsReply(Wire):
    projects: list[Project]
    scroll_id: str | None = None


class ProjectDocuments(Wire):
    projects: list[dict[str, Any]]
    scroll_id: str | None = None


class CreateProject(Request[Created]):
    endpoint = "projects.create"
    permission = "write"
    reply = Created

    name: str
    description: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    default_output_destination: str | None = None


class GetProject(Request[ProjectReply]):
    endpoint = "projects.get_by_id"
    permission = "read"
    reply = ProjectReply

    project: str


class _ProjectQuery(ListQuery):
    basename: str | None = None
    description: str | None = None
    parent: list[str] | str | None = None
    shallow_search: bool | None = None


class GetProjects(Request[ProjectsReply], _ProjectQuery):
    endpoint = "projects.get_all"
    permission = "read"
    reply = ProjectsReply


class GetProjectsEx(Request[ProjectDocuments], _ProjectQuery):
    endpoint = "projects.get_all_ex"
    permission = "read"
    reply = ProjectDocuments

    include_stats: bool | None = None


class UpdateProject(Request[Updated]):
    endpoint = "projects.update"
    permission = "write"
    reply = Updated

    project: str
    name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    default_output_destination: str | None = None
