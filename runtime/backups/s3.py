"""Backups in a bucket of S3.

Writing takes the right to put objects and nothing else: no listing, no reading, no removing, not even of what was begun
and not finished, which the bucket's lifecycle clears away. A dump of any size passes in parts, of which only the last
two are held in memory.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from runtime.artefacts import s3
from runtime.backups import manifest
from runtime.backups.shelf import DUMP, MANIFEST, READ_BYTES

# The prefix to which the rights of the tasks are bound: stacks/dumps.py.
PREFIX = "pg_dump/"
# S3 takes 10,000 parts of at most 5 GB: sizes double after each thousand, so that memory stays small for small dumps.
PART_BYTES = 8 << 20
PARTS_OF_A_SIZE = 1000


class Bucket:
    def __init__(self, name: str, *, region: str | None = None) -> None:
        self._name = name
        self.place = f"s3://{name}/{PREFIX.rstrip('/')}"
        with s3.translated("look", name):
            self._client = s3.connect(region)

    def names(self) -> dict[str, bool]:
        found: set[str] = set()
        with s3.translated("list the backups", self._name):
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._name, Prefix=PREFIX
            ):
                found |= {each["Key"].removeprefix(PREFIX) for each in page.get("Contents", ())}
        stems = {name.removesuffix(DUMP).removesuffix(MANIFEST) for name in found}
        return {stem: stem + MANIFEST in found for stem in sorted(stems) if manifest.is_name(stem)}

    @contextmanager
    def writing(self, name: str) -> Iterator["_Upload"]:
        with ThreadPoolExecutor(max_workers=1) as aside:
            yield _Upload(self._client, self._name, PREFIX + name + DUMP, aside)

    def put_manifest(self, name: str, text: bytes) -> None:
        with s3.translated("put the manifest", self._name):
            self._client.put_object(
                Bucket=self._name, Key=PREFIX + name + MANIFEST, Body=text, ChecksumAlgorithm="CRC32"
            )

    def load_manifest(self, name: str) -> bytes | None:
        body = self._get(name + MANIFEST)
        return None if body is None else b"".join(body)

    def reading(self, name: str) -> Iterator[bytes] | None:
        return self._get(name + DUMP)

    def _get(self, name: str) -> Iterator[bytes] | None:
        with s3.translated("read a backup", self._name):
            try:
                answer = self._client.get_object(Bucket=self._name, Key=PREFIX + name)
            except self._client.exceptions.NoSuchKey:
                return None
        return self._pieces(answer["Body"])

    def _pieces(self, body: Any) -> Iterator[bytes]:
        try:
            while True:
                with s3.translated("read a backup", self._name):
                    piece = body.read(READ_BYTES)
                if not piece:
                    return
                yield piece
        finally:
            body.close()


class _Upload:
    """A dump on its way: one part travels while the next one comes together."""

    def __init__(self, client: Any, bucket: str, key: str, aside: ThreadPoolExecutor) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._aside = aside
        self._held = bytearray()
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._travelling: Future[dict[str, Any]] | None = None

    def write(self, chunk: bytes) -> None:
        self._held += chunk
        if len(self._held) >= PART_BYTES << (len(self._parts) // PARTS_OF_A_SIZE):
            self._send()

    def finish(self) -> None:
        if self._upload_id is None:
            with s3.translated("put the dump", self._bucket):
                self._client.put_object(
                    Bucket=self._bucket, Key=self._key, Body=bytes(self._held), ChecksumAlgorithm="CRC32"
                )
            return
        self._send()
        self._await()
        with s3.translated("put the dump together", self._bucket):
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id,
                MultipartUpload={"Parts": self._parts},
            )

    def _send(self) -> None:
        if self._upload_id is None:
            with s3.translated("begin the dump", self._bucket):
                begun = self._client.create_multipart_upload(
                    Bucket=self._bucket, Key=self._key, ChecksumAlgorithm="CRC32"
                )
            self._upload_id = begun["UploadId"]
        self._await()
        if self._held:
            self._travelling = self._aside.submit(self._put_part, len(self._parts) + 1, bytes(self._held))
            self._held.clear()

    def _put_part(self, number: int, part: bytes) -> dict[str, Any]:
        with s3.translated("put a part of the dump", self._bucket):
            put = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id,
                PartNumber=number,
                Body=part,
                ChecksumAlgorithm="CRC32",
            )
        checksum = {"ChecksumCRC32": put["ChecksumCRC32"]} if "ChecksumCRC32" in put else {}
        return {"PartNumber": number, "ETag": put["ETag"], **checksum}

    def _await(self) -> None:
        if self._travelling is not None:
            self._parts.append(self._travelling.result())
            self._travelling = None
