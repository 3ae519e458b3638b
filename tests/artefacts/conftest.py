"""A folder, and a bucket of moto's over HTTP, behind the same words."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from runtime.artefacts.places import Bucket, Folder, Place

BUCKET, TENANT = "learned", "tenant-one"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The administrator's client of a bucket that is there."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"", timeout=10).close()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-nobody")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    try:
        boto3.setup_default_session()
        admin = boto3.client("s3", region_name="eu-west-1")
        place = {"LocationConstraint": "eu-west-1"}
        admin.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        yield admin
    finally:
        boto3.DEFAULT_SESSION = None
        server.stop()


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Folder(tmp_path / "artefacts", TENANT)
    request.getfixturevalue("bucket")
    return Bucket(BUCKET, TENANT, region="eu-west-1")
