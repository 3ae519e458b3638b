"""surplus models"""

from migrations.script import down, up

revision = "0015"
down_revision = "0014"
oldest_program = "0003"


def upgrade() -> None:
    up(__file__)


def downgrade() -> None:
    down(__file__)
