"""Which processors an image of the registry is for. An index names them; of a single image its own configuration does.

The configuration is a blob like a layer: ECR gives an address for it, which holds for an hour and asks for no
credentials, and so is told to nobody.
"""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from deploy.cloud import Cloud
from deploy.errors import AwsRefused

INDEXES = ("manifest.list", "image.index")
# The registry has no such blob, or does not give it away.
WITHHELD = frozenset(("LayersNotFoundException", "LayerInaccessibleException"))
CONFIGURATION_BYTES_MAX = 4 * 1024 * 1024
DOWNLOAD_SECONDS_MAX = 20
# What a single image is for where that cannot be found out.
UNKNOWN = "unknown"


def fetch_architectures(cloud: Cloud, repository: str, digest: str) -> tuple[str, ...]:
    """In order; nothing at all if the registry cannot give the image."""
    answer = cloud.call("ecr", "BatchGetImage", repositoryName=repository, imageIds=[{"imageDigest": digest}])
    if not answer.get("images"):
        return ()
    manifest = json.loads(answer["images"][0]["imageManifest"])
    if any(each in manifest.get("mediaType", "") for each in INDEXES):
        kinds = {each.get("platform", {}).get("architecture", UNKNOWN) for each in manifest["manifests"]}
        return tuple(sorted(kinds))
    return (_fetch_configuration(cloud, repository, manifest).get("architecture", UNKNOWN),)


def _fetch_configuration(cloud: Cloud, repository: str, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    blob = manifest.get("config", {}).get("digest", "")
    if not blob:
        return {}
    try:
        found = cloud.call("ecr", "GetDownloadUrlForLayer", repositoryName=repository, layerDigest=blob)
        with urllib.request.urlopen(found["downloadUrl"], timeout=DOWNLOAD_SECONDS_MAX) as blob_of_it:
            configuration: Mapping[str, Any] = json.loads(blob_of_it.read(CONFIGURATION_BYTES_MAX))
    except AwsRefused as fault:
        if fault.code not in WITHHELD:
            raise
        return {}
    except (OSError, ValueError):
        # The registry is reached and its storage is not: the task's start decides.
        return {}
    return configuration if isinstance(configuration, dict) else {}
