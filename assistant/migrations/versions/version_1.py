"""The tables of conversations as they were when revisions began."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables, and that of words in the words of the database."""
    op.create_table(
        "conversations",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("id", TEXT, nullable=False, unique=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("title", "question", "root")),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("cited", sa.JSON(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Double(), nullable=False),
        sa.Column("removed_at", sa.Double()),
    )
    op.create_index("ix_conversations_updated", "conversations", ["updated"])
    op.create_index("ix_conversations_removed_at", "conversations", ["removed_at"])
    op.create_table(
        "turns",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("conversation", "id", "parent", "chosen", "body")),
        sa.UniqueConstraint("conversation", "id"),
    )
    op.create_table(
        "offered",
        sa.Column("conversation", TEXT, primary_key=True),
        sa.Column("place", sa.Integer(), primary_key=True),
        sa.Column("paper", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TABLE words (number INTEGER PRIMARY KEY, conversation VARCHAR NOT NULL, said VARCHAR NOT NULL, "
            "lexemes TSVECTOR NOT NULL)"
        )
        op.execute("CREATE INDEX ix_words_lexemes ON words USING gin (lexemes)")
        op.execute("CREATE INDEX ix_words_conversation ON words (conversation)")
        return
    op.execute(
        "CREATE VIRTUAL TABLE words USING fts5(conversation UNINDEXED, said, "
        "tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')"
    )
    op.execute("CREATE TABLE meta (name VARCHAR NOT NULL PRIMARY KEY, value VARCHAR NOT NULL)")
    op.execute("INSERT INTO meta VALUES ('schema', '1')")
