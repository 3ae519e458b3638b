"""${message}

Rules: raw SQL in the .up.sql and .down.sql beside this file; it must suit the program that runs while it is applied
(expand, deploy, contract); the way down names the tables that it empties in a line `-- loses: a, b`; name every
constraint; every tenant table gets row-level security, a policy, grants, and a trigger against truncate.
"""

from migrations.script import down, up

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    up(__file__)


def downgrade() -> None:
    down(__file__)
