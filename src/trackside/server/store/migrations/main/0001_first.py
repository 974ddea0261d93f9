"""The first schema of the main database."""

import sqlalchemy as sa
from alembic import op

from trackside.server.store import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blob",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("created", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", types.Document, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "model",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=True),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=True),
        sa.Column("task", sa.String(length=64), nullable=True),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column("tags", types.Document, nullable=False),
        sa.Column("system_tags", types.Document, nullable=False),
        sa.Column("uri", sa.String(), nullable=True),
        sa.Column("framework", sa.String(), nullable=True),
        sa.Column("design", types.Document, nullable=True),
        sa.Column("labels", types.Document, nullable=True),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("created", types.Instant(), nullable=False),
        sa.Column("last_update", types.Instant(), nullable=False),
        sa.Column("metadata", types.Document, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_model_project"), "model", ["project"], unique=False)
    op.create_index(op.f("ix_model_task"), "model", ["task"], unique=False)
    op.create_table(
        "project",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("basename", sa.String(), nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=True),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("user", sa.String(length=64), nullable=True),
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("created", types.Instant(), nullable=False),
        sa.Column("last_update", types.Instant(), nullable=False),
        sa.Column("tags", types.Document, nullable=False),
        sa.Column("system_tags", types.Document, nullable=False),
        sa.Column("default_output_destination", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("company", "name"),
    )
    op.create_index(op.f("ix_project_parent"), "project", ["parent"], unique=False)
    op.create_table(
        "queue",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=True),
        sa.Column("user", sa.String(length=64), nullable=True),
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("created", types.Instant(), nullable=False),
        sa.Column("last_update", types.Instant(), nullable=False),
        sa.Column("tags", types.Document, nullable=False),
        sa.Column("system_tags", types.Document, nullable=False),
        sa.Column("metadata", types.Document, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("company", "name"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("default_queue", sa.String(length=64), nullable=True),
        sa.Column("tag_steps", sa.Boolean(), nullable=False),
        sa.Column("warnings", types.Document, nullable=False),
        sa.Column("created", types.Instant(), nullable=False),
        sa.Column("ended", types.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "task",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("status_reason", sa.String(), nullable=True),
        sa.Column("status_message", sa.String(), nullable=True),
        sa.Column("status_changed", types.Instant(), nullable=False),
        sa.Column("comment", sa.String(), nullable=True),
        sa.Column("parent", sa.String(length=64), nullable=True),
        sa.Column("project", sa.String(length=64), nullable=True),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("created", types.Instant(), nullable=False),
        sa.Column("started", types.Instant(), nullable=True),
        sa.Column("completed", types.Instant(), nullable=True),
        sa.Column("published", types.Instant(), nullable=True),
        sa.Column("active_duration", sa.Integer(), nullable=True),
        sa.Column("last_update", types.Instant(), nullable=False),
        sa.Column("last_change", types.Instant(), nullable=False),
        sa.Column("last_changed_by", sa.String(length=64), nullable=True),
        sa.Column("last_worker", sa.String(), nullable=True),
        sa.Column("last_worker_report", types.Instant(), nullable=True),
        sa.Column("last_iteration", sa.BigInteger(), nullable=False),
        sa.Column("enqueue_status", sa.String(length=16), nullable=True),
        sa.Column("queue", sa.String(length=64), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("run", sa.String(length=64), nullable=True),
        sa.Column("tags", types.Document, nullable=False),
        sa.Column("system_tags", types.Document, nullable=False),
        sa.Column("script", types.Document, nullable=True),
        sa.Column("execution", types.Document, nullable=True),
        sa.Column("container", types.Document, nullable=True),
        sa.Column("hyperparams", types.Document, nullable=False),
        sa.Column("configuration", types.Document, nullable=False),
        sa.Column("runtime", types.Document, nullable=False),
        sa.Column("models", types.Document, nullable=False),
        sa.Column("output", types.Document, nullable=True),
        sa.Column("report", sa.String(), nullable=True),
        sa.Column("report_assets", types.Document, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_task_parent"), "task", ["parent"], unique=False)
    op.create_index("task_by_name", "task", ["name"], unique=False)
    op.create_index("task_by_project", "task", ["project", "last_update"], unique=False)
    op.create_index("task_by_run", "task", ["run"], unique=False)
    op.create_index("task_by_status", "task", ["status", "last_update"], unique=False)
    op.create_index("task_by_update", "task", ["last_update"], unique=False)
    op.create_table(
        "ticket",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("expires", types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index(op.f("ix_ticket_expires"), "ticket", ["expires"], unique=False)
    op.create_table(
        "timer",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("due_at", types.Instant(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("payload", types.Document, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_timer_due_at"), "timer", ["due_at"], unique=False)
    op.create_table(
        "user",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("company", sa.String(length=64), nullable=False),
        sa.Column("created", types.Instant(), nullable=False),
        sa.Column("preferences", types.Document, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "worker",
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("ip", sa.String(), nullable=True),
        sa.Column("register_time", types.Instant(), nullable=False),
        sa.Column("last_activity_time", types.Instant(), nullable=False),
        sa.Column("timeout", sa.Integer(), nullable=False),
        sa.Column("queues", types.Document, nullable=False),
        sa.Column("tags", types.Document, nullable=False),
        sa.Column("task", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("user", "id"),
    )
    op.create_table(
        "artifact",
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("document", types.Document, nullable=False),
        sa.ForeignKeyConstraint(["task"], ["task.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task", "attempt", "key", "mode"),
    )
    op.create_table(
        "attempt",
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("session", sa.String(length=64), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("lease", sa.String(length=64), nullable=True),
        sa.Column("started", types.Instant(), nullable=True),
        sa.Column("ended", types.Instant(), nullable=True),
        sa.Column("exit_class", sa.String(length=16), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("hidden_from_step", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["task"], ["task.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task", "number"),
    )
    op.create_table(
        "credential",
        sa.Column("access_key", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("stored_key", sa.LargeBinary(), nullable=False),
        sa.Column("server_key", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.String(), nullable=True),
        sa.Column("created", types.Instant(), nullable=False),
        sa.Column("last_used", types.Instant(), nullable=True),
        sa.Column("last_used_from", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["user"], ["user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("access_key"),
    )
    op.create_index(op.f("ix_credential_user"), "credential", ["user"], unique=False)
    op.create_table(
        "file",
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("task", sa.String(length=64), nullable=True),
        sa.Column("content_type", sa.String(), nullable=True),
        sa.Column("created", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["blob"],
            ["blob.hash"],
        ),
        sa.PrimaryKeyConstraint("path"),
    )
    op.create_index(op.f("ix_file_blob"), "file", ["blob"], unique=False)
    op.create_index(op.f("ix_file_task"), "file", ["task"], unique=False)
    op.create_table(
        "lease",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("claimed", types.Instant(), nullable=False),
        sa.Column("expires", types.Instant(), nullable=False),
        sa.Column("acknowledged", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["task.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_lease_request"), "lease", ["request"], unique=False)
    op.create_index(op.f("ix_lease_task"), "lease", ["task"], unique=False)
    op.create_index("lease_by_expiry", "lease", ["state", "expires"], unique=False)
    op.create_table(
        "queue_entry",
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("light", sa.Boolean(), nullable=False),
        sa.Column("added", types.Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["queue"],
            ["queue.id"],
        ),
        sa.ForeignKeyConstraint(["task"], ["task.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task"),
    )
    op.create_index("queue_entry_by_position", "queue_entry", ["queue", "light", "position"], unique=False)
    op.create_table(
        "run_event",
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("at", types.Instant(), nullable=False),
        sa.Column("step", sa.String(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["run.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "sequence"),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("task", sa.String(length=64), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("created", types.Instant(), nullable=False),
        sa.Column("expires", types.Instant(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["user.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_session_expires"), "session", ["expires"], unique=False)
    op.create_index(op.f("ix_session_user"), "session", ["user"], unique=False)
    op.create_table(
        "step",
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("base_task_id", sa.String(length=64), nullable=False),
        sa.Column("parents", types.Document, nullable=False),
        sa.Column("parameters", types.Document, nullable=False),
        sa.Column("resolved", types.Document, nullable=True),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("time_limit", sa.Float(), nullable=True),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("lost_retries", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("continue_on_fail", sa.Boolean(), nullable=False),
        sa.Column("task", sa.String(length=64), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("queued_at", types.Instant(), nullable=True),
        sa.Column("started_at", types.Instant(), nullable=True),
        sa.Column("ended_at", types.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["run.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "name"),
    )
    op.create_index(op.f("ix_step_task"), "step", ["task"], unique=False)
    op.create_table(
        "task_metric",
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("iteration", sa.BigInteger(), nullable=False),
        sa.Column("min_value", sa.Float(), nullable=False),
        sa.Column("min_value_iteration", sa.BigInteger(), nullable=False),
        sa.Column("max_value", sa.Float(), nullable=False),
        sa.Column("max_value_iteration", sa.BigInteger(), nullable=False),
        sa.Column("first_value", sa.Float(), nullable=False),
        sa.Column("first_value_iteration", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["task.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task", "metric", "variant"),
    )
    op.create_index("task_metric_by_value", "task_metric", ["metric", "variant", "value"], unique=False)
    op.create_table(
        "task_parameter",
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("section", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=True),
        sa.Column("number", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["task"], ["task.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task", "section", "name"),
    )
    op.create_index("task_parameter_by_number", "task_parameter", ["section", "name", "number"], unique=False)
    op.create_table(
        "task_runtime",
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["task"], ["task.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task", "key"),
    )
    op.create_index("task_runtime_by_value", "task_runtime", ["key", "value"], unique=False)
    op.create_table(
        "task_tag",
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("system", sa.Boolean(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["task.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("task", "system", "tag"),
    )
    op.create_index("task_tag_by_tag", "task_tag", ["tag", "system"], unique=False)
    op.create_table(
        "step_edge",
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("parent", sa.String(), nullable=False),
        sa.Column("child", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["run", "parent"], ["step.run", "step.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "parent", "child"),
    )
