"""S3's buckets: versions and delete markers are kept in them, and what is locked says until when."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.deploy.simulated.account import Refusal, Standing

Asked = Mapping[str, Any]


@dataclass
class Version:
    key: str
    id: str
    at: datetime
    body: bytes | None = None
    retained_until: datetime | None = None

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body or b"", usedforsecurity=False).hexdigest()}"'


@dataclass
class Bucket:
    name: str
    lock_days: int = 0
    lock_mode: str = "GOVERNANCE"
    versioned: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)

    def latest(self, key: str) -> Version | None:
        found = next((each for each in reversed(self.versions) if each.key == key), None)
        return found if found and found.body is not None else None

    @property
    def keys(self) -> list[str]:
        return sorted({each.key for each in self.versions if self.latest(each.key)})


class Buckets:
    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.buckets: dict[str, Bucket] = {}
        # Who else writes: called with the key just before a conditional put is judged.
        self.before_put: list[Any] = []

    def _bucket(self, asked: Asked) -> Bucket:
        try:
            return self.buckets[asked["Bucket"]]
        except KeyError:
            raise Refusal("NoSuchBucket", "The specified bucket does not exist", 404) from None

    def _version(self, asked: Asked) -> Version:
        bucket = self._bucket(asked)
        if wanted := asked.get("VersionId"):
            found = next((each for each in bucket.versions if each.id == wanted), None)
        else:
            found = bucket.latest(asked["Key"])
        if found is None:
            raise Refusal("NoSuchKey", "The specified key does not exist.", 404)
        return found

    # --- buckets ----------------------------------------------------------------------------------------------------

    def create_bucket(self, asked: Asked) -> dict[str, Any]:
        if asked["Bucket"] in self.buckets:
            raise Refusal("BucketAlreadyOwnedByYou", "Your previous request succeeded.", 409)
        place = asked.get("CreateBucketConfiguration", {}).get("LocationConstraint")
        if (place or "us-east-1") != self.standing.region:
            raise Refusal("IllegalLocationConstraintException", "The location constraint is incompatible.")
        if place == "us-east-1":
            raise Refusal("InvalidLocationConstraint", "The specified location-constraint is not valid")
        self.buckets[asked["Bucket"]] = Bucket(asked["Bucket"])
        return {"Location": f"/{asked['Bucket']}"}

    def head_bucket(self, asked: Asked) -> dict[str, Any]:
        if asked["Bucket"] not in self.buckets:
            raise Refusal("404", "Not Found", 404)
        return {"BucketRegion": self.standing.region}

    def list_buckets(self, asked: Asked) -> dict[str, Any]:
        start = asked.get("Prefix", "")
        names = sorted(each for each in self.buckets if each.startswith(start))
        return {"Buckets": [{"Name": each} for each in names]}

    def delete_bucket(self, asked: Asked) -> dict[str, Any]:
        if self._bucket(asked).versions:
            raise Refusal("BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
        del self.buckets[asked["Bucket"]]
        return {}

    def put_bucket_versioning(self, asked: Asked) -> dict[str, Any]:
        self._bucket(asked).versioned = asked["VersioningConfiguration"]["Status"] == "Enabled"
        return {}

    def get_bucket_versioning(self, asked: Asked) -> dict[str, Any]:
        return {"Status": "Enabled"} if self._bucket(asked).versioned else {}

    def put_bucket_tagging(self, asked: Asked) -> dict[str, Any]:
        self._bucket(asked).tags = {each["Key"]: each["Value"] for each in asked["Tagging"]["TagSet"]}
        return {}

    def get_bucket_tagging(self, asked: Asked) -> dict[str, Any]:
        tags = self._bucket(asked).tags
        if not tags:
            raise Refusal("NoSuchTagSet", "The TagSet does not exist", 404)
        return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _accept(self, asked: Asked) -> dict[str, Any]:
        self._bucket(asked)
        return {}

    put_public_access_block = put_bucket_policy = put_bucket_encryption = _accept
    put_bucket_lifecycle_configuration = put_bucket_ownership_controls = _accept

    def get_object_lock_configuration(self, asked: Asked) -> dict[str, Any]:
        bucket = self._bucket(asked)
        if not bucket.lock_days:
            raise Refusal(
                "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist", 404
            )
        rule = {"DefaultRetention": {"Mode": bucket.lock_mode, "Days": bucket.lock_days}}
        return {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": rule}}
