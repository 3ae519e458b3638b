"""The door to S3, for backups and artefacts alike. The only module of the runtime's that knows boto3.

Each request carries a checksum, as Object Lock demands, and encryption is the bucket's own default.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtime import errors


def connect(
    region: str | None, *, connect_seconds: float = 10, answer_seconds: float = 120, attempts: int = 8
) -> Any:
    # A third of a second and some megabytes, which only those pay who keep something in a bucket.
    import boto3
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "max_attempts": attempts},
        connect_timeout=connect_seconds,
        read_timeout=answer_seconds,
        request_checksum_calculation="when_supported",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", region_name=region, config=config)


@contextmanager
def translated(action: str, bucket: str) -> Iterator[None]:
    """Of AWS's answer the code alone: its text may repeat what was asked, and by whom."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as fault:
        code = fault.response.get("Error", {}).get("Code", "no code")
        raise errors.BucketUnavailable(action=action, bucket=bucket, detail=code) from None
    except (BotoCoreError, OSError) as fault:
        raise errors.BucketUnavailable(action=action, bucket=bucket, detail=type(fault).__name__) from None
