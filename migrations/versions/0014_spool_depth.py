"""spool depth"""

from migrations.script import down, up

revision = "0014"
down_revision = "0013"
oldest_program = "0003"


def upgrade() -> None:
    up(__file__)


def downgrade() -> None:
    down(__file__)
