"""Backups in a bucket, over HTTP to moto's server: only what the tasks' roles may do is asked for."""

import hashlib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from runtime import errors
from runtime.backups import checking, s3
from runtime.backups.progress import Progress
from runtime.backups.s3 import Bucket
from tests.backups.conftest import Run, only
from tests.database import Database

BUCKET = "dumps"
PUT_ONLY = {"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"}
READ_ONLY = {"GetObject", "ListObjectsV2"}
NAME = "holdfast-20260301T120000Z-0123abcd"


class Asked(list[str]):
    """The S3 calls of this process, by name; `unguarded` are those that carried a body without a checksum."""

    def __init__(self) -> None:
        super().__init__()
        self.unguarded: list[str] = []

    def note(self, request: Any, event_name: str, **_: Any) -> None:
        name = event_name.rpartition(".")[2]
        self.append(name)
        guarded = any(each.lower().startswith("x-amz-checksum-") for each in request.headers)
        if name in ("PutObject", "UploadPart") and not guarded:
            self.unguarded.append(name)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """A bucket as the stacks make it: versioned, with Object Lock; and what is asked of it from here on."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # What an earlier server of this process held is kept by moto beyond its end.
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"", timeout=10).close()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-nobody")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    try:
        boto3.setup_default_session()
        admin = boto3.client("s3", region_name="eu-west-1")
        admin.create_bucket(
            Bucket=BUCKET,
            ObjectLockEnabledForBucket=True,
            CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
        )
        noted = Asked()
        boto3.DEFAULT_SESSION.events.register("before-send.s3", noted.note)
        yield noted
    finally:
        boto3.DEFAULT_SESSION = None
        server.stop()


def test_backup__asks_for_nothing_but_to_put(run: Run, ledger: Database, asked: Asked) -> None:
    said = run("backup", "--bucket", BUCKET, on=ledger)
    assert said.code == 0, said
    assert asked == ["PutObject", "PutObject"]
    assert asked.unguarded == []


def test_bucket__is_listed_checked_and_drilled_by_reading_alone(
    run: Run, ledger: Database, asked: Asked, tmp_path: Path
) -> None:
    name = run("backup", "--bucket", BUCKET, on=ledger).out.strip()
    asked.clear()
    for argv in (["backups"], ["verify-backup"], ["drill"]):
        said = run(*argv, "--bucket", BUCKET)
        assert said.code == 0, said
        assert name in said.out
    assert set(asked) == READ_ONLY
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["drill.lock"]


def test_dump__of_many_parts_comes_back_as_it_was(asked: Asked) -> None:
    pieces = [hashlib.sha256(str(number).encode()).digest() * 32768 for number in range(20)]
    bucket = Bucket(BUCKET, region="eu-west-1")
    with bucket.writing(NAME) as sink:
        for piece in pieces:
            sink.write(piece)
        sink.finish()
    assert set(asked) == PUT_ONLY - {"PutObject"}
    assert asked.count("UploadPart") == 3
    assert asked.unguarded == []
    read = bucket.reading(NAME)
    assert read is not None
    assert b"".join(read) == b"".join(pieces)


def test_dump__that_was_not_finished_is_nowhere(asked: Asked) -> None:
    bucket = Bucket(BUCKET, region="eu-west-1")

    class Interrupted(Exception):
        pass

    def break_off() -> None:
        with bucket.writing(NAME) as sink:
            sink.write(bytes(2 * s3.PART_BYTES))
            raise Interrupted

    with pytest.raises(Interrupted):
        break_off()
    assert "AbortMultipartUpload" not in asked
    assert bucket.names() == {}
    assert bucket.reading(NAME) is None
    assert bucket.load_manifest(NAME) is None


def test_dump__without_its_manifest_does_not_count(run: Run, ledger: Database, asked: Asked) -> None:
    bucket = Bucket(BUCKET, region="eu-west-1")
    with bucket.writing(NAME) as sink:
        sink.write(b"half of it")
        sink.finish()
    assert bucket.names() == {NAME: False}
    said = run("verify-backup", NAME, "--bucket", BUCKET)
    assert (said.code, said.err.partition(":")[0]) == (31, "BackupUnfinished")


def test_bucket__a_dump_that_was_replaced_is_found(
    run: Run, ledger: Database, asked: Asked, shelf: Path
) -> None:
    name = run("backup", "--bucket", BUCKET, on=ledger).out.strip()
    admin = boto3.client("s3", region_name="eu-west-1")
    spoiled = bytearray(only(shelf, ".dump").read_bytes())
    admin.put_object(Bucket=BUCKET, Key=f"pg_dump/{name}.dump", Body=bytes(spoiled[:-5]))
    bucket = Bucket(BUCKET, region="eu-west-1")
    with pytest.raises((errors.BackupTruncated, errors.BackupAltered)):
        checking.verify(bucket, checking.load(bucket, name), Progress())


def test_bucket__that_is_not_there_is_named(run: Run, ledger: Database, asked: Asked) -> None:
    for argv in (["backup"], ["backups"], ["drill"]):
        said = run(*argv, "--bucket", "another", on=ledger)
        assert (said.code, said.err.splitlines()[-1].partition(":")[0]) == (42, "BucketUnavailable"), said
        assert "NoSuchBucket" in said.err
        assert "secret-of-nobody" not in said.err
