"""What is translated on the way: CloudFormation's words into the API's, and an image's paths into this machine's."""

import pytest

from deploy.rehearsal.cloud.definitions import check, spell_as_api
from deploy.rehearsal.cloud.machine import translated

FOLDERS = {
    "/tmp": "/here/tmp/scratch",
    "/etc/holdfast/rds-ca.pem": "/tmp/authority.pem",
    "/var/lib/holdfast": "/here/spool",
}


def test_spell_as_api__leaves_the_users_own_words_alone() -> None:
    given = {
        "TaskRoleArn": "arn",
        "LogConfiguration": {"LogDriver": "awslogs", "Options": {"awslogs-group": "G", "Mode": "x"}},
        "EnableECSManagedTags": True,
        "Volumes": [{"EFSVolumeConfiguration": {"FilesystemId": "fs"}}],
    }
    assert spell_as_api(given) == {
        "taskRoleArn": "arn",
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "G", "Mode": "x"}},
        "enableECSManagedTags": True,
        "volumes": [{"efsVolumeConfiguration": {"filesystemId": "fs"}}],
    }


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("/tmp/health", "/here/tmp/scratch/health"),
        ("/etc/holdfast/rds-ca.pem", "/tmp/authority.pem"),
        ("/tmpfile", "/tmpfile"),
        ("http://host/tmp", "http://host/tmp"),
        (
            "postgresql://bot@x.rehearsal.us-east-1.rds.amazonaws.com:5433/holdfast",
            "postgresql://bot@x.rehearsal.us-east-1.rds.amazonaws.com:5433/holdfast?hostaddr=127.0.0.1",
        ),
    ],
)
def test_translated__changes_paths_of_the_image_once_and_nothing_else(text: str, here: str) -> None:
    assert translated(text, FOLDERS) == here


def test_check__refuses_a_volume_that_is_not_declared() -> None:
    container = {"logConfiguration": {"logDriver": "awslogs"}, "mountPoints": [{"sourceVolume": "spool"}]}
    assert check({"containerDefinitions": [container]}) == "Unknown volume 'spool'."
