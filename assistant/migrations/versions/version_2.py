"""Conversations have an owner."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Those that are there are nobody's, as where nobody signs in."""
    op.add_column("conversations", sa.Column("owner", TEXT, nullable=False, server_default=""))
    op.create_index("conversations_of_owner", "conversations", ["owner", "updated"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute("UPDATE meta SET value = '2' WHERE name = 'schema'")  # by which an earlier program refuses it
