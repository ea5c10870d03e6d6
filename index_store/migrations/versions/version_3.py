"""The tables as they were when revisions began. A SQLite file of version 1 or 2 comes here by `schema.py`."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "papers",
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("id", TEXT, nullable=False, unique=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("title", "abstract")),
        sa.Column("authors", sa.JSON(), nullable=False),
        sa.Column("year", sa.Integer()),
        *(sa.Column(name, TEXT, nullable=False) for name in ("venue", "doi", "arxiv_id", "url", "source")),
        sa.Column("sources", sa.JSON(), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("title_key", "first_author", "listed", "content_hash")),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("worded", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("passage_count", sa.Integer(), nullable=False),
        sa.Column("removed_at", sa.Double()),
    )
    op.create_index("ix_papers_state", "papers", ["state"])
    op.create_index("ix_papers_worded", "papers", ["worded"])
    op.create_index("ix_papers_by_title", "papers", ["title_key", "state"])
    op.create_index("ix_papers_by_author", "papers", ["first_author", "state"])
    op.create_index("ix_papers_by_year", "papers", ["year", "state"])
    bare = sa.text("abstract = ''")
    op.create_index("ix_papers_without_abstract", "papers", ["position"], sqlite_where=bare, postgresql_where=bare)
    op.create_table(
        "records",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("position", sa.Integer(), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("source", "record_id", "doi", "arxiv_id", "title_key")),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.UniqueConstraint("position", "source", "record_id"),
    )
    for name in ("source", "doi", "arxiv_id", "title_key"):
        op.create_index(f"ix_records_{name}", "records", [name])
    op.create_table(
        "collected",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
    )
    op.create_index("ix_collected_position", "collected", ["position"])
    op.create_table(
        "vectors",
        sa.Column("content_hash", TEXT, primary_key=True),
        sa.Column("fingerprint", TEXT, primary_key=True),
        sa.Column("passages", sa.LargeBinary(), nullable=False),
        sa.Column("sentences", sa.LargeBinary(), nullable=False),
        sa.Column("cuts", sa.LargeBinary()),
    )
    op.create_table("meta", sa.Column("name", TEXT, primary_key=True), sa.Column("value", TEXT, nullable=False))
