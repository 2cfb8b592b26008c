"""Runs Alembic on the connection that `stores.migrations` hands over, within its transaction."""

from alembic import context

from stores.registry.control_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column by making the table anew
)
with context.begin_transaction():
    context.run_migrations()
