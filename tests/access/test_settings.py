"""What the settings of the database may not say together; all faults are told at once."""

import pytest

from runtime import errors
from runtime.settings import Settings

URL = "postgresql://holdfast_bot@ledger.example.org/holdfast"


def faults(**environ: str) -> int:
    try:
        Settings.from_env(environ)
    except errors.BadSettings as bad:
        return int(bad.facts["count"])
    return 0


@pytest.mark.parametrize(
    ("count", "environ"),
    [
        (0, {"DATABASE_URL": URL}),
        (0, {"DATABASE_URL": URL, "HOLDFAST_DATABASE_CA": "ca.pem", "HOLDFAST_DATABASE_AUTH": "iam"}),
        (0, {"DATABASE_URL": URL, "HOLDFAST_DATABASE_PASSWORD_FILE": "password"}),
        (1, {"DATABASE_URL": URL, "HOLDFAST_DATABASE_AUTH": "iam"}),
        (1, {"DATABASE_URL": URL, "HOLDFAST_DATABASE_AUTH": "kerberos"}),
        (1, {"HOLDFAST_DATABASE_CA": "ca.pem"}),
        (2, {"HOLDFAST_DATABASE_AUTH": "iam"}),
        (1, {"DATABASE_URL": URL + "?password=canary", "HOLDFAST_DATABASE_PASSWORD_FILE": "password"}),
        (
            1,
            {
                "DATABASE_URL": URL.replace("@", ":canary@"),
                "HOLDFAST_DATABASE_CA": "ca.pem",
                "HOLDFAST_DATABASE_AUTH": "iam",
            },
        ),
    ],
)
def test_settings__of_the_database_do_not_contradict_each_other(count: int, environ: dict[str, str]) -> None:
    assert faults(**environ) == count


def test_settings__do_not_repeat_a_password() -> None:
    with pytest.raises(errors.BadSettings) as bad:
        Settings.from_env({"DATABASE_URL": f"{URL}?password=canary", "HOLDFAST_DATABASE_PASSWORD_FILE": "f"})
    assert "canary" not in str(bad.value)
