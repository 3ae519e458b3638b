"""S3's objects as far as the deployer uses them: conditional puts, versions, retention that is enforced."""

from datetime import timedelta
from io import BytesIO
from typing import Any

from botocore.response import StreamingBody

from tests.deploy.simulated.account import Refusal
from tests.deploy.simulated.buckets import Asked, Bucket, Buckets, Version


class Objects(Buckets):
    def put_object(self, asked: Asked) -> dict[str, Any]:
        for somebody in list(self.before_put):
            somebody(asked["Key"])
        bucket = self._bucket(asked)
        before = bucket.latest(asked["Key"])
        if asked.get("IfNoneMatch") == "*" and before:
            raise Refusal("PreconditionFailed", "At least one of the pre-conditions did not hold", 412)
        if (etag := asked.get("IfMatch")) and (before is None or before.etag.strip('"') != etag.strip('"')):
            raise Refusal("PreconditionFailed", "At least one of the pre-conditions did not hold", 412)
        body = asked.get("Body", b"")
        body = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.read()
        kept = self.put(bucket.name, asked["Key"], body)
        return {"ETag": kept.etag} | ({"VersionId": kept.id} if bucket.versioned else {})

    def put(self, bucket_name: str, key: str, body: bytes) -> Version:
        """As somebody else would put it: a task of ours, or an operator."""
        bucket, now = self.buckets[bucket_name], self.standing.clock.now()
        until = now + timedelta(days=bucket.lock_days) if bucket.lock_days else None
        if not bucket.versioned:
            bucket.versions = [each for each in bucket.versions if each.key != key]
        version = Version(key, f"v{self.standing.number()}", now, body, until)
        bucket.versions.append(version)
        return version

    def get_object(self, asked: Asked) -> dict[str, Any]:
        version = self._version(asked)
        body = version.body or b""
        return {
            "Body": StreamingBody(BytesIO(body), len(body)),
            "ContentLength": len(body),
            "ETag": version.etag,
            "LastModified": version.at,
            "VersionId": version.id,
        }

    def head_object(self, asked: Asked) -> dict[str, Any]:
        try:
            version = self._version(asked)
        except Refusal as refusal:
            # A HEAD has no body, so there is no code in it: botocore makes one of the status.
            raise Refusal("404", "Not Found", 404) from refusal
        found = {
            "ContentLength": len(version.body or b""),
            "ETag": version.etag,
            "LastModified": version.at,
            "VersionId": version.id,
        }
        if version.retained_until:
            mode = self._bucket(asked).lock_mode
            found |= {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": version.retained_until}
        return found

    def get_object_retention(self, asked: Asked) -> dict[str, Any]:
        version = self._version(asked)
        if version.retained_until is None:
            raise Refusal("NoSuchObjectLockConfiguration", "The object has no retention", 404)
        mode = self._bucket(asked).lock_mode
        return {"Retention": {"Mode": mode, "RetainUntilDate": version.retained_until}}

    def list_objects_v2(self, asked: Asked) -> dict[str, Any]:
        bucket, start = self._bucket(asked), asked.get("Prefix", "")
        after = asked.get("StartAfter", "")
        names = [key for key in bucket.keys if key.startswith(start) and key > after]
        found = [bucket.latest(each) for each in names]
        contents = [
            {"Key": each.key, "Size": len(each.body or b""), "LastModified": each.at, "ETag": each.etag}
            for each in found
            if each
        ]
        return {"Contents": contents, "KeyCount": len(contents)} if contents else {"KeyCount": 0}

    def list_object_versions(self, asked: Asked) -> dict[str, Any]:
        bucket, start = self._bucket(asked), asked.get("Prefix", "")
        rows = [each for each in bucket.versions if each.key.startswith(start)]
        return {
            "Versions": [
                {"Key": each.key, "VersionId": each.id, "Size": len(each.body), "LastModified": each.at}
                for each in rows
                if each.body is not None
            ],
            "DeleteMarkers": [
                {"Key": each.key, "VersionId": each.id, "LastModified": each.at}
                for each in rows
                if each.body is None
            ],
        }

    def delete_object(self, asked: Asked) -> dict[str, Any]:
        bucket = self._bucket(asked)
        if "IfMatch" in asked and (found := bucket.latest(asked["Key"])) and found.etag != asked["IfMatch"]:
            raise Refusal("PreconditionFailed", "At least one of the pre-conditions did not hold", 412)
        self._delete(bucket, asked["Key"], asked.get("VersionId"), asked.get("BypassGovernanceRetention"))
        return {}

    def delete_objects(self, asked: Asked) -> dict[str, Any]:
        bucket, done, errors = self._bucket(asked), [], []
        for each in asked["Delete"]["Objects"]:
            try:
                self._delete(
                    bucket, each["Key"], each.get("VersionId"), asked.get("BypassGovernanceRetention")
                )
                done.append(each)
            except Refusal as refusal:
                errors.append({**each, "Code": refusal.code, "Message": refusal.message})
        return {"Deleted": done} | ({"Errors": errors} if errors else {})

    def _delete(self, bucket: Bucket, key: str, version_id: str | None, bypass: bool | None) -> None:
        if version_id is None:
            marker = Version(key, f"v{self.standing.number()}", self.standing.clock.now())
            bucket.versions = [each for each in bucket.versions if bucket.versioned or each.key != key]
            bucket.versions += [marker] if bucket.versioned else []
            return
        for each in bucket.versions:
            held = each.retained_until and each.retained_until > self.standing.clock.now()
            if each.id == version_id and held and not (bypass and bucket.lock_mode == "GOVERNANCE"):
                raise Refusal("AccessDenied", "Access Denied because object protected by object lock.", 403)
        bucket.versions = [each for each in bucket.versions if each.id != version_id]
