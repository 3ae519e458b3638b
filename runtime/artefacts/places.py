"""Where artefacts lie: a folder, or a bucket behind the same two words. Their name is the SHA-256 of their bytes.

What was put is there after a power cut. What comes back is only what was asked for: bytes of another digest are
refused, and so are those that are gone or out of reach. Nothing is ever changed here; the same bytes may be put again.
A folder forgets what it is told to; a bucket nothing.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from runtime import errors
from runtime.artefacts import s3

# The prefix to which the rights of the desks are bound.
PREFIX = "artefacts/"
# A desk waits for its bucket, so not for long: what cannot be put now is put with the next training.
_PATIENCE = {"connect_seconds": 2, "answer_seconds": 5, "attempts": 2}


class Place(Protocol):
    @property
    def kind(self) -> str:
        """`folder` or `bucket`, as the database calls it."""

    @property
    def name(self) -> str:
        """For sentences."""

    def put(self, body: bytes) -> str:
        """Its digest, once it is there for good."""

    def get(self, sha256: str) -> bytes: ...


class Folder:
    """A folder of this machine, with one of its own for each tenant."""

    kind = "folder"

    def __init__(self, root: Path, tenant: str) -> None:
        self._folder = root / tenant
        self.name = str(self._folder)

    def put(self, body: bytes) -> str:
        with _translated(self.name), ThreadPoolExecutor(max_workers=1) as aside:
            hashed = aside.submit(digest, body)  # while the disk is busy
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd, part = tempfile.mkstemp(prefix=".", suffix=".part", dir=self._folder)
            try:
                with os.fdopen(fd, "wb") as file:
                    file.write(body)
                    file.flush()
                    os.fsync(file.fileno())
                sha256 = hashed.result()
                Path(part).rename(self._folder / sha256)
            except BaseException:
                Path(part).unlink(missing_ok=True)
                raise
            _sync_folder(self._folder)
        return sha256

    def get(self, sha256: str) -> bytes:
        with _translated(self.name):
            try:
                body = (self._folder / sha256).read_bytes()
            except FileNotFoundError:
                raise errors.ArtefactUnusable(sha256=sha256, place=self.name, detail="it is gone") from None
        return checked(sha256, body, self.name)

    def remove(self, sha256: str, *, before: datetime) -> bool:
        """Whether it is gone: not if it was put again since, nor if this machine has no such folder."""
        with _translated(self.name):
            if not self._folder.is_dir():
                return False
            try:
                if datetime.fromtimestamp((self._folder / sha256).stat().st_mtime, UTC) >= before:
                    return False
                (self._folder / sha256).unlink()
            except FileNotFoundError:
                return True
        return True


class Bucket:
    """A bucket of S3. It takes the rights to put and to get below the prefix, and no others."""

    kind = "bucket"

    def __init__(self, bucket: str, tenant: str, *, region: str | None = None) -> None:
        self._bucket = bucket
        self._prefix = f"{PREFIX}{tenant}/"
        self._region = region
        self._client: Any = None
        self.name = f"s3://{bucket}/{self._prefix}".rstrip("/")

    def put(self, body: bytes) -> str:
        sha256 = digest(body)
        with _translated(self.name), s3.translated("put an artefact", self._bucket):
            self._connected().put_object(
                Bucket=self._bucket, Key=self._prefix + sha256, Body=body, ChecksumAlgorithm="CRC32"
            )
        return sha256

    def get(self, sha256: str) -> bytes:
        with _translated(self.name), s3.translated("read an artefact", self._bucket):
            client = self._connected()
            try:
                body: bytes = client.get_object(Bucket=self._bucket, Key=self._prefix + sha256)["Body"].read()
            except client.exceptions.NoSuchKey:
                raise errors.ArtefactUnusable(sha256=sha256, place=self.name, detail="it is gone") from None
        return checked(sha256, body, self.name)

    def _connected(self) -> Any:
        # Not before it is needed: most desks learn nothing that large.
        if self._client is None:
            self._client = s3.connect(self._region, **_PATIENCE)
        return self._client


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def checked(sha256: str, body: bytes, place: str) -> bytes:
    if digest(body) != sha256:
        raise errors.ArtefactUnusable(sha256=sha256, place=place, detail="its bytes are others")
    return body


def _sync_folder(folder: Path) -> None:
    """The name too is there after a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _translated(place: str) -> Iterator[None]:
    """A disk that is full or a bucket that is away stops no desk."""
    try:
        yield
    except OSError as fault:
        raise errors.ArtefactsUnavailable(
            place=place, detail=fault.strerror or type(fault).__name__
        ) from fault
    except errors.BucketUnavailable as fault:
        raise errors.ArtefactsUnavailable(place=place, detail=str(fault.facts["detail"])) from fault
