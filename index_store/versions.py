"""Which version the tables of a store have, and how they come to that of this program (Alembic, imported if needed)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from .engines import begin_alone


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of one store: the table that holds its number, the newest, and the folder of the revisions.

    Revisions are numbered from the baseline on. A file from before there were revisions has its number in `meta`.
    """

    table: str
    newest: str
    folder: Path

    def prepare(self, engine: Engine, bring_up: Callable[[Connection, str], None]) -> str:
        """Has what is missing done by `bring_up`, given what was found; returns the version that there is now."""
        with engine.begin() as connection:
            found = self.found(connection)
        if found != self.newest and not self._is_newer(found):
            with engine.begin() as connection:
                begin_alone(connection, self.table)  # all or nothing, and by one process
                found = self.found(connection)
                if found != self.newest and not self._is_newer(found):
                    bring_up(connection, found)
                    found = self.found(connection)
        return found

    def found(self, connection: Connection) -> str:
        """The version of a database, "" for an empty one."""
        tables = set(inspect(connection).get_table_names())
        if self.table in tables:
            return str(connection.execute(text(f"SELECT version_num FROM {self.table}")).scalar() or "")
        if "meta" in tables and connection.dialect.name == "sqlite":  # which was there before the revisions
            # One that was killed before it wrote its number is of the first version.
            return str(connection.execute(text("SELECT value FROM meta WHERE name = 'schema'")).scalar() or "1")
        return ""

    def stamped(self, connection: Connection) -> bool:
        """Whether the revisions have begun with it."""
        return inspect(connection).has_table(self.table)

    def _is_newer(self, found: str) -> bool:
        return bool(found) and (not found.isdecimal() or int(found) > int(self.newest))

    def stamp(self, connection: Connection, version: str) -> None:
        """Notes the version of tables that were made or altered without a revision, where Alembic looks for it."""
        pk = f"CONSTRAINT {self.table}_pkc PRIMARY KEY (version_num)"
        connection.execute(text(f"CREATE TABLE {self.table} (version_num VARCHAR(32) NOT NULL, {pk})"))
        connection.execute(text(f"INSERT INTO {self.table} VALUES (:version)"), {"version": version})

    def upgrade(self, connection: Connection, version: str = "head") -> None:
        """Runs the revisions that are missing, in the transaction of the connection."""
        from alembic import command  # 0.2 s that only a library of an earlier version has to wait for
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
        config.attributes.update(connection=connection, version_table=self.table)
        command.upgrade(config, version)
