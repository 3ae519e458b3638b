"""tenants"""

from migrations.script import down, up

revision = "0001"
down_revision = None


def upgrade() -> None:
    up(__file__)


def downgrade() -> None:
    down(__file__)
