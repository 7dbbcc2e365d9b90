"""Configure reads from a replica: docs/replicas.md."""

from __future__ import annotations

from config.environment import Environment

env = Environment()

# Whether a write where code may read from the replica is an error, as in development and tests, or logged and done.
DATABASE_REPLICA_STRICT = False
DATABASE_ROUTERS = ["core.database.replica.routing.ReplicaRouter"]
# How many seconds behind the primary the replica may be and still be read.
DATABASE_REPLICA_LAG_SECONDS = env.positive("DATABASE_REPLICA_LAG_SECONDS", default=10)
