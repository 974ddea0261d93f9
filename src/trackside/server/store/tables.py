"""Every table of the main database: users, tasks, queues, runs, files. Events have a database of their own.

What is filtered or sorted on is a column, or a row of an indexed side table kept in the same transaction; the rest of a
document is JSON (DESIGN 12). Columns carry the protocol's names.
"""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, String, Table

from .types import Document, Instant

metadata = sa.MetaData()


def _id(name: str = "id") -> Column[str]:
    return Column(name, String(64), primary_key=True)


meta = Table("meta", metadata, Column("key", String(64), primary_key=True), Column("value", Document, nullable=False))

user = Table(
    "user",
    metadata,
    _id(),
    Column("name", String, nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("company", String(64), nullable=False),
    Column("created", Instant, nullable=False),
    Column("preferences", Document),
)

credential = Table(
    "credential",
    metadata,
    Column("access_key", String(64), primary_key=True),
    Column("user", ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("stored_key", LargeBinary, nullable=False),  # SCRAM verifier, see safe.scram
    Column("server_key", LargeBinary, nullable=False),
    Column("label", String),
    Column("created", Instant, nullable=False),
    Column("last_used", Instant),
    Column("last_used_from", String),
)

session = Table(
    "session",
    metadata,
    _id(),
    Column("user", ForeignKey("user.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("task", String(64)),  # a task's token has its owner's rights, bound to one attempt
    Column("attempt", Integer),
    Column("created", Instant, nullable=False),
    Column("expires", Instant, nullable=False, index=True),
    Column("revoked", Boolean, nullable=False, default=False),
)

ticket = Table(  # login links and challenges: used once, short-lived
    "ticket",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("expires", Instant, nullable=False, index=True),
)

project = Table(
    "project",
    metadata,
    _id(),
    Column("name", String, nullable=False),
    Column("basename", String, nullable=False),
    Column("parent", String(64), index=True),
    Column("description", String),
    Column("user", String(64)),
    Column("company", String(64), nullable=False),
    Column("created", Instant, nullable=False),
    Column("last_update", Instant, nullable=False),
    Column("tags", Document, nullable=False),
    Column("system_tags", Document, nullable=False),
    Column("default_output_destination", String),
    sa.UniqueConstraint("company", "name"),
)

task = Table(
    "task",
    metadata,
    _id(),
    Column("name", String, nullable=False),
    Column("type", String(24), nullable=False),
    Column("status", String(16), nullable=False),
    Column("status_reason", String),
    Column("status_message", String),
    Column("status_changed", Instant, nullable=False),
    Column("comment", String),
    Column("parent", String(64), index=True),
    Column("project", String(64)),
    Column("user", String(64), nullable=False),
    Column("company", String(64), nullable=False),
    Column("created", Instant, nullable=False),
    Column("started", Instant),
    Column("completed", Instant),
    Column("published", Instant),
    Column("active_duration", Integer),
    Column("last_update", Instant, nullable=False),
    Column("last_change", Instant, nullable=False),
    Column("last_changed_by", String(64)),
    Column("last_worker", String),
    Column("last_worker_report", Instant),
    Column("last_iteration", BigInteger, nullable=False, default=0),
    Column("enqueue_status", String(16)),
    Column("queue", String(64)),  # execution.queue
    Column("attempt", Integer, nullable=False, default=0),  # number of the newest attempt
    Column("run", String(64)),  # the pipeline run this task is a step of
    Column("tags", Document, nullable=False),
    Column("system_tags", Document, nullable=False),
    Column("script", Document),
    Column("execution", Document),
    Column("container", Document),
    Column("hyperparams", Document, nullable=False),
    Column("configuration", Document, nullable=False),
    Column("runtime", Document, nullable=False),
    Column("models", Document, nullable=False),
    Column("output", Document),
    Column("report", String),
    Column("report_assets", Document),
    Index("task_by_project", "project", "last_update"),
    Index("task_by_update", "last_update"),
    Index("task_by_status", "status", "last_update"),
    Index("task_by_name", "name"),
    Index("task_by_run", "run"),
)

task_tag = Table(
    "task_tag",
    metadata,
    Column("task", ForeignKey("task.id", ondelete="CASCADE"), primary_key=True),
    Column("system", Boolean, primary_key=True),
    Column("tag", String, primary_key=True),
    Index("task_tag_by_tag", "tag", "system"),
)

task_parameter = Table(
    "task_parameter",
    metadata,
    Column("task", ForeignKey("task.id", ondelete="CASCADE"), primary_key=True),
    Column("section", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", String),
    Column("number", Float),
    Index("task_parameter_by_number", "section", "name", "number"),
)

task_runtime = Table(
    "task_runtime",
    metadata,
    Column("task", ForeignKey("task.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", String),
    Index("task_runtime_by_value", "key", "value"),
)

task_metric = Table(
    "task_metric",
    metadata,
    Column("task", ForeignKey("task.id", ondelete="CASCADE"), primary_key=True),
    Column("metric", String, primary_key=True),
    Column("variant", String, primary_key=True),
    Column("value", Float, nullable=False),
    Column("iteration", BigInteger, nullable=False),
    Column("min_value", Float, nullable=False),
    Column("min_value_iteration", BigInteger, nullable=False),
    Column("max_value", Float, nullable=False),
    Column("max_value_iteration", BigInteger, nullable=False),
    Column("first_value", Float, nullable=False),
    Column("first_value_iteration", BigInteger, nullable=False),
    Column("total", Float, nullable=False),
    Column("count", BigInteger, nullable=False),
    Index("task_metric_by_value", "metric", "variant", "value"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("task", ForeignKey("task.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("session", String(64)),
    Column("worker", String),
    Column("lease", String(64)),
    Column("started", Instant),
    Column("ended", Instant),
    Column("exit_class", String(16)),
    Column("exit_code", Integer),
    Column("reason", String),
    # the first iteration a later attempt reported again: this attempt's points from there on are not shown
    Column("hidden_from_step", BigInteger),
)

artifact = Table(
    "artifact",
    metadata,
    Column("task", ForeignKey("task.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("key", String, primary_key=True),
    Column("mode", String(8), primary_key=True),
    Column("document", Document, nullable=False),
)

model = Table(
    "model",
    metadata,
    _id(),
    Column("name", String, nullable=False),
    Column("parent", String(64)),
    Column("user", String(64), nullable=False),
    Column("company", String(64), nullable=False),
    Column("project", String(64), index=True),
    Column("task", String(64), index=True),
    Column("comment", String),
    Column("tags", Document, nullable=False),
    Column("system_tags", Document, nullable=False),
    Column("uri", String),
    Column("framework", String),
    Column("design", Document),
    Column("labels", Document),
    Column("ready", Boolean, nullable=False),
    Column("created", Instant, nullable=False),
    Column("last_update", Instant, nullable=False),
    Column("metadata", Document),
)

queue = Table(
    "queue",
    metadata,
    _id(),
    Column("name", String, nullable=False),
    Column("display_name", String),
    Column("user", String(64)),
    Column("company", String(64), nullable=False),
    Column("created", Instant, nullable=False),
    Column("last_update", Instant, nullable=False),
    Column("tags", Document, nullable=False),
    Column("system_tags", Document, nullable=False),
    Column("metadata", Document),
    sa.UniqueConstraint("company", "name"),
)

queue_entry = Table(  # a task waits in at most one queue
    "queue_entry",
    metadata,
    Column("task", ForeignKey("task.id", ondelete="CASCADE"), primary_key=True),
    Column("queue", ForeignKey("queue.id"), nullable=False),
    Column("position", BigInteger, nullable=False),  # smaller is nearer to the head
    Column("light", Boolean, nullable=False),  # takes no compute slot, see protocol.tasks.LIGHT_TYPES
    Column("added", Instant, nullable=False),
    Index("queue_entry_by_position", "queue", "light", "position"),
)

lease = Table(
    "lease",
    metadata,
    _id(),
    Column("task", ForeignKey("task.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("queue", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker", String, nullable=False),
    Column("request", String(64), nullable=False, index=True),
    Column("state", String(8), nullable=False),  # held | lost | ended
    Column("claimed", Instant, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("acknowledged", Boolean, nullable=False),  # old agents never renew; their first write acknowledges
    Index("lease_by_expiry", "state", "expires"),
)

worker = Table(
    "worker",
    metadata,
    Column("user", String(64), primary_key=True),
    Column("id", String, primary_key=True),
    Column("ip", String),
    Column("register_time", Instant, nullable=False),
    Column("last_activity_time", Instant, nullable=False),
    Column("timeout", Integer, nullable=False),  # seconds after the last activity until it counts as gone
    Column("queues", Document, nullable=False),
    Column("tags", Document, nullable=False),
    Column("task", String(64)),
)

run = Table(
    "run",
    metadata,
    _id(),  # the id of the controller task
    Column("epoch", Integer, nullable=False),  # one more each time the same task starts its graph anew
    Column("status", String(16), nullable=False),
    Column("reason", String),
    Column("sequence", BigInteger, nullable=False),
    Column("default_queue", String(64)),
    Column("tag_steps", Boolean, nullable=False),
    Column("warnings", Document, nullable=False),
    Column("created", Instant, nullable=False),
    Column("ended", Instant),
)

step = Table(
    "step",
    metadata,
    Column("run", ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("position", Integer, nullable=False),  # order of submission
    Column("status", String(16), nullable=False),
    Column("missing", Integer, nullable=False),  # parents that have not ended well yet
    Column("base_task_id", String(64), nullable=False),
    Column("parents", Document, nullable=False),
    Column("parameters", Document, nullable=False),
    Column("resolved", Document),
    Column("queue", String(64), nullable=False),
    Column("time_limit", Float),
    Column("retries", Integer, nullable=False),
    Column("lost_retries", Integer, nullable=False),
    Column("failures", Integer, nullable=False, default=0),
    Column("losses", Integer, nullable=False, default=0),
    Column("continue_on_fail", Boolean, nullable=False),
    Column("task", String(64), index=True),
    Column("worker", String),
    Column("reason", String),
    Column("queued_at", Instant),
    Column("started_at", Instant),
    Column("ended_at", Instant),
)

step_edge = Table(
    "step_edge",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("parent", String, primary_key=True),
    Column("child", String, primary_key=True),
    sa.ForeignKeyConstraint(["run", "parent"], ["step.run", "step.name"], ondelete="CASCADE"),
)

run_event = Table(  # what happened, in order; never changed
    "run_event",
    metadata,
    Column("run", ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("step", String),
    Column("status", String(16), nullable=False),
    Column("detail", String),
)

timer = Table(  # what must happen by itself, claimed like a queue entry when due
    "timer",
    metadata,
    _id(),
    Column("due_at", Instant, nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("payload", Document, nullable=False),
)

blob = Table(
    "blob",
    metadata,
    Column("hash", String(64), primary_key=True),  # sha256 of the content, hex
    Column("size", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),  # files that name it; at 0 the content may go
    Column("created", Instant, nullable=False),
)

file = Table(
    "file",
    metadata,
    Column("path", String, primary_key=True),  # verbatim, as the client named it
    Column("blob", ForeignKey("blob.hash"), nullable=False, index=True),
    Column("user", String(64), nullable=False),
    Column("task", String(64), index=True),  # the owner task, when the path names one
    Column("content_type", String),
    Column("created", Instant, nullable=False),
)
