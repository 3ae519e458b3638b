"""What lets us in is looked up while we run, after the settings were read: no log line may show it either."""

import json
from pathlib import Path

import pytest

from runtime import logs
from runtime.settings import Secret
from runtime.store.access import master, password_file, tokens
from tests.access.authorities import HOST
from tests.access.credentials import CredentialsEndpoint, SecretsEndpoint

ADDRESS = Secret(f"postgresql://holdfast_bot@{HOST}:5433/holdfast")
ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!db-1-AbCdEf"


def test_password_file__what_it_held_leaves_in_no_line(tmp_path: Path) -> None:
    file = tmp_path / "password"
    for canary in ("canary-of-the-file", "canary/ofthe next"):
        assert canary in logs.redact(canary), "it is a secret only once it was read"
        file.write_text(json.dumps({"password": canary}))
        assert password_file(file)().reveal() == canary
        assert logs.redact(f"refused: {canary}") == "refused: ***"


def test_master__its_password_leaves_in_no_line(
    task_role: CredentialsEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = json.dumps({"username": "rds_master", "password": "canary-of-a-master"})
    with SecretsEndpoint(secret) as secrets:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.url)
        master(ADDRESS, ca=None, secret_arn=ARN)
    assert logs.redact("refused: canary-of-a-master") == "refused: ***"


def test_tokens__what_makes_them_one_leaves_in_no_line(task_role: CredentialsEndpoint) -> None:
    token = tokens(ADDRESS)().reveal()
    signature = token.partition("X-Amz-Signature=")[2].partition("&")[0]
    assert len(signature) == 64
    for shape in (token, repr(token), f"password={token}", token.replace("=", "%3D")):
        told = logs.redact(f"refused: {shape}")
        assert signature not in told
        assert not [each for each in task_role.secrets if each in told]
