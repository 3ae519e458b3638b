"""Which desks are stopped on purpose: an object for each in the stage's bucket, so that no deploy starts them again."""

import json
from datetime import datetime

from deploy.cloud import Cloud

FOLDER = "paused/"


def fetch(cloud: Cloud, bucket: str) -> frozenset[str]:
    found = cloud.pages("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=FOLDER)
    return frozenset(each["Key"].removeprefix(FOLDER) for each in found)


def record(cloud: Cloud, bucket: str, desk: str, *, who: str, reason: str, at: datetime) -> None:
    body = json.dumps({"who": who, "reason": reason, "at": at.isoformat()}).encode()
    cloud.call("s3", "PutObject", Bucket=bucket, Key=FOLDER + desk, Body=body, ContentType="application/json")


def clear(cloud: Cloud, bucket: str, desk: str) -> None:
    cloud.call("s3", "DeleteObject", Bucket=bucket, Key=FOLDER + desk)
