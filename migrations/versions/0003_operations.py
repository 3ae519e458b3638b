"""operations"""

from migrations.script import down, up

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    up(__file__)


def downgrade() -> None:
    down(__file__)
