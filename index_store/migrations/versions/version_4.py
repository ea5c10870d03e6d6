"""The sequence of changes, which indexes of words of other processes follow."""

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Papers that are there count as changed before the first change."""
    op.add_column("papers", sa.Column("change", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_papers_by_change", "papers", ["change", "position"])
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("writes", sa.Integer(), nullable=False),
    )
    op.execute("INSERT INTO changes (id, number, writes) VALUES (1, 0, 0)")
    op.execute("UPDATE meta SET value = '4' WHERE name = 'schema'")  # by which an earlier program knows to refuse it
