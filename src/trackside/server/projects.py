"""Projects: paths made of names (protocol.md §3.3)."""

from typing import Any

import sqlalchemy as sa

from trackside.errors import InvalidId, InvalidRequest
from trackside.protocol.base import Updated, new_id
from trackside.protocol.projects import (
    CreateProject,
    GetProject,
    GetProjects,
    GetProjectsEx,
    Project,
    ProjectDocuments,
    ProjectReply,
    ProjectsReply,
    UpdateProject,
)
from trackside.protocol.tasks import Created

from .caller import Caller
from .query.listing import listing
from .query.projection import names, plain, project_document, project_map
from .store import tables
from .store.database import Tx

_p = tables.project.c
MAX_DEPTH = 10


def create(tx: Tx, caller: Caller, request: CreateProject) -> Created:
    """Make the project and its missing ancestors.

    Raises:
        InvalidRequest: the name is taken (801), too short (407) or too deep (409).
    """
    name = clean_name(request.name)
    if _by_name(tx, caller, name) is not None:
        raise InvalidRequest(f"Value combination already exists: name={name}", subcode=801, name=name)
    given = {
        key: getattr(request, key)
        for key in ("description", "tags", "system_tags", "default_output_destination")
        if getattr(request, key) is not None
    }
    return Created(id=_make(tx, caller, name, given))


def clean_name(name: str) -> str:
    parts = [part.strip() for part in name.split("/")]
    parts = [part for part in parts if part]
    if not parts or len(parts[-1]) < 3:
        raise InvalidRequest("a project's name has at least 3 characters after its last '/'", subcode=407, name=name)
    if len(parts) > MAX_DEPTH:
        raise InvalidRequest(f"projects nest at most {MAX_DEPTH} deep", subcode=409, name=name)
    return "/".join(parts)


def find_or_create(tx: Tx, caller: Caller, name: str) -> str:
    cleaned = clean_name(name)
    return _by_name(tx, caller, cleaned) or _make(tx, caller, cleaned, {})


def _by_name(tx: Tx, caller: Caller, name: str) -> str | None:
    found: str | None = tx.value(sa.select(_p.id).where(_p.name == name, _p.company == caller.company))
    return found


def _make(tx: Tx, caller: Caller, name: str, given: dict[str, Any]) -> str:
    above, _, basename = name.rpartition("/")
    parent = (_by_name(tx, caller, above) or _make(tx, caller, above, {})) if above else None
    project_id = new_id()
    values = {"tags": [], "system_tags": []} | given
    tx.run(
        sa.insert(tables.project).values(
            id=project_id,
            name=name,
            basename=basename,
            parent=parent,
            user=caller.user,
            company=caller.company,
            created=tx.now,
            last_update=tx.now,
            **values,
        )
    )
    return project_id


def _row(tx: Tx, project_id: str) -> sa.RowMapping:
    row = tx.row(sa.select(tables.project).where(_p.id == project_id))
    if row is None:
        raise InvalidId(f"Invalid project id: id={project_id}", subcode=401, id=project_id)
    return row


def get(tx: Tx, _caller: Caller, request: GetProject) -> ProjectReply:
    return ProjectReply(project=Project(**_row(tx, request.project)))


def get_all(tx: Tx, caller: Caller, request: GetProjects) -> ProjectsReply:
    rows = tx.rows(_listing(caller, request))
    projects = [Project(**row) for row in rows]
    return ProjectsReply(projects=[project_document(item, request.only_fields, Project) for item in projects])


def get_all_ex(tx: Tx, caller: Caller, request: GetProjectsEx) -> ProjectDocuments:
    rows = tx.rows(_listing(caller, request))
    wanted = names(request.only_fields)
    return ProjectDocuments(projects=[project_map(plain(Project(**row)), wanted) for row in rows])


def _listing(caller: Caller, request: GetProjects | GetProjectsEx) -> sa.Select[Any]:
    statement = listing(tables.project, request, patterns=("name", "basename", "description"), lists=("parent",))
    statement = statement.where(_p.company == caller.company)
    if request.shallow_search and request.parent is None:
        statement = statement.where(_p.parent.is_(None))
    return statement


def update(tx: Tx, _caller: Caller, request: UpdateProject) -> Updated:
    row = _row(tx, request.project)
    values = {
        key: getattr(request, key)
        for key in ("description", "tags", "system_tags", "default_output_destination")
        if getattr(request, key) is not None
    }
    if request.name is not None and request.name != row["name"]:
        if clean_name(request.name).rpartition("/")[0] != row["name"].rpartition("/")[0]:
            raise InvalidRequest("renaming cannot move a project; use projects.move", subcode=408)
        values |= {"name": clean_name(request.name), "basename": clean_name(request.name).rpartition("/")[2]}
    tx.run(sa.update(tables.project).where(_p.id == request.project).values(last_update=tx.now, **values))
    return Updated(updated=1, fields=values)


def check_id(tx: Tx, project_id: str) -> None:
    """Raises InvalidId (401) when there is no such project."""
    _row(tx, project_id)
