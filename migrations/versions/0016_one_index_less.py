"""one index less"""

from migrations.script import down, up

revision = "0016"
down_revision = "0015"
oldest_program = "0003"


def upgrade() -> None:
    up(__file__)


def downgrade() -> None:
    down(__file__)
