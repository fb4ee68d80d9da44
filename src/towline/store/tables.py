"""The tables of the store, for queries. Migrations create them."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()


def _text(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, primary_key=primary_key)


def _time(name: str, *, optional: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Float, nullable=optional)


hooks = sa.Table(
    "hooks",
    metadata,
    _text("id", primary_key=True),
    _text("provider"),
    _text("full_name"),
    _text("url"),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    _time("created_at"),
    sa.UniqueConstraint("provider", "full_name"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    _text("provider"),
    _text("hook"),
    _text("delivery_id"),
    _text("body_sha256"),
    sa.Column("event", sa.LargeBinary, nullable=False),
    _time("received_at"),
    _time("processed_at", optional=True),
    _text("outcome"),
    sa.UniqueConstraint("provider", "hook", "delivery_id"),
    sa.Index("deliveries_pending", "processed_at", "id"),
    sqlite_autoincrement=True,
)

counters = sa.Table(
    "counters",
    metadata,
    _text("pipeline", primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    _text("id", primary_key=True),
    _text("pipeline"),
    _text("job"),
    sa.Column("number", sa.Integer, nullable=False),
    _text("trigger"),
    _text("ref"),
    _text("commit"),
    _text("parameters"),
    _text("state"),
    _text("result"),
    _text("error"),
    sa.Column("key", sa.Text, nullable=True, unique=True),
    _text("parent_run"),
    _text("parent_step"),
    sa.Column("delivery", sa.Integer, nullable=True),
    _text("cause"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("cancel", sa.Boolean, nullable=False),
    _time("created_at"),
    _time("started_at", optional=True),
    _time("finished_at", optional=True),
    sa.UniqueConstraint("pipeline", "number"),
    sa.Index("runs_state", "state"),
    sa.Index("runs_created", "created_at"),
)

steps = sa.Table(
    "steps",
    metadata,
    _text("run", primary_key=True),
    _text("step_id", primary_key=True),
    _text("kind"),
    _text("request"),
    sa.Column("result", sa.Text, nullable=True),
    _time("started_at"),
    _time("finished_at", optional=True),
)

stages = sa.Table(
    "stages",
    metadata,
    _text("run", primary_key=True),
    _text("stage_id", primary_key=True),
    _text("name"),
    _text("status"),
    _text("message"),
    _time("started_at"),
    _time("finished_at", optional=True),
)

images = sa.Table(
    "images",
    metadata,
    _text("run", primary_key=True),
    _text("reference", primary_key=True),
    _text("stored"),
    _text("digest"),
    _time("pushed_at"),
    sa.Index("images_digest", "digest"),
)

manifest_commits = sa.Table(
    "manifest_commits",
    metadata,
    _text("run", primary_key=True),
    _text("repository", primary_key=True),
    _text("commit", primary_key=True),
    _text("ref"),
    _time("pushed_at"),
    sa.Index("manifest_commits_commit", "commit"),
)

marks = sa.Table(
    "marks",
    metadata,
    _text("subject", primary_key=True),
    _text("name", primary_key=True),
    _time("at"),
    _text("detail"),
    sa.Index("marks_at", "at"),
)

forge_heads = sa.Table(
    "forge_heads",
    metadata,
    _text("repository", primary_key=True),
    _text("ref", primary_key=True),
    _text("sha"),
)

accounts = sa.Table(
    "accounts",
    metadata,
    _text("name", primary_key=True),
    _text("password_hash"),
    _text("role"),
    sa.Column("disabled", sa.Boolean, nullable=False),
    _time("created_at"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    _text("id_hash", primary_key=True),
    _text("account"),
    _text("kind"),
    _text("name"),
    _time("created_at"),
    _time("seen_at"),
    _time("expires_at"),
    sa.Index("sessions_account", "account"),
)

login_failures = sa.Table(
    "login_failures",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    _text("subject"),
    _time("at"),
    sa.Index("login_failures_subject", "subject", "at"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    _time("at"),
    _text("actor"),
    _text("source"),
    _text("action"),
    _text("object"),
    _text("decision"),
    _text("request_id"),
    _text("previous"),
    _text("hash"),
    sqlite_autoincrement=True,
)

kv = sa.Table(
    "kv",
    metadata,
    _text("key", primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
