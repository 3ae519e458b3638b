"""The registry: images by digest and tag, with the architectures that their index names."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.deploy.simulated.account import Refusal, Standing
from tests.deploy.simulated.clock import START

Asked = Mapping[str, Any]


@dataclass
class Image:
    digest: str
    tags: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ("arm64",)
    # Where the configuration of a single image can be had; an index has none.
    configuration_url: str = ""
    is_single: bool = False
    size: int = 90_000_000
    pushed_at: datetime = START


@dataclass
class Repository:
    name: str
    tags: dict[str, str] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)


class Registry:
    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.repositories: dict[str, Repository] = {}

    def _repository(self, asked: Asked) -> Repository:
        found = self.repositories.get(asked["repositoryName"])
        if found is None:
            raise Refusal("RepositoryNotFoundException", "The repository does not exist in the registry")
        return found

    def describe_repositories(self, asked: Asked) -> dict[str, Any]:
        names = asked.get("repositoryNames") or list(self.repositories)
        found = [self._repository({"repositoryName": each}) for each in names]
        return {
            "repositories": [
                {
                    "repositoryName": each.name,
                    "repositoryArn": self.standing.arn("ecr", f"repository/{each.name}"),
                }
                for each in found
            ]
        }

    def describe_images(self, asked: Asked) -> dict[str, Any]:
        found = self._repository(asked)
        wanted = asked.get("imageIds", ())
        chosen = [each for each in found.images.values() if not wanted or _is_one_of(each, wanted)]
        if wanted and not chosen:
            raise Refusal("ImageNotFoundException", "The image requested does not exist")
        if asked.get("filter", {}).get("tagStatus") == "TAGGED":
            chosen = [each for each in chosen if each.tags]
        return {
            "imageDetails": [
                {
                    "repositoryName": found.name,
                    "imageDigest": each.digest,
                    "imageTags": list(each.tags),
                    "imageSizeInBytes": each.size,
                    "imagePushedAt": each.pushed_at,
                }
                for each in chosen
            ]
        }

    def list_images(self, asked: Asked) -> dict[str, Any]:
        return {"imageIds": [{"imageDigest": each} for each in self._repository(asked).images]}

    def batch_get_image(self, asked: Asked) -> dict[str, Any]:
        found, images, failures = self._repository(asked), [], []
        for each in asked["imageIds"]:
            image = next((one for one in found.images.values() if _is_one_of(one, [each])), None)
            if image is None:
                reason = {"failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
                failures.append({"imageId": each, **reason})
                continue
            manifest = _manifest(image)
            images.append(
                {
                    "repositoryName": found.name,
                    "imageId": each,
                    "imageManifest": json.dumps(manifest),
                    "imageManifestMediaType": manifest["mediaType"],
                }
            )
        return {"images": images, "failures": failures}

    def get_download_url_for_layer(self, asked: Asked) -> dict[str, Any]:
        """The configuration has the digest of its image here, of which it is the only blob."""
        image = self._repository(asked).images.get(asked["layerDigest"])
        if image is None or not image.configuration_url:
            raise Refusal("LayersNotFoundException", "The layer does not exist")
        return {"downloadUrl": image.configuration_url, "layerDigest": image.digest}

    def batch_delete_image(self, asked: Asked) -> dict[str, Any]:
        found = self._repository(asked)
        gone = [each for each in asked["imageIds"] if found.images.pop(each["imageDigest"], None)]
        return {"imageIds": gone, "failures": []}

    def delete_repository(self, asked: Asked) -> dict[str, Any]:
        found = self._repository(asked)
        if found.images and not asked.get("force"):
            raise Refusal("RepositoryNotEmptyException", "The repository still has images")
        del self.repositories[found.name]
        return {}


def _manifest(image: Image) -> dict[str, Any]:
    """An index names the architectures; a single image has them in its configuration."""
    if image.is_single:
        kind = "application/vnd.oci.image.manifest.v1+json"
        return {"schemaVersion": 2, "mediaType": kind, "config": {"digest": image.digest}, "layers": []}
    manifests = [
        {"platform": {"architecture": name, "os": "linux"}, "digest": image.digest}
        for name in image.architectures
    ]
    kind = "application/vnd.oci.image.index.v1+json"
    return {"schemaVersion": 2, "mediaType": kind, "manifests": manifests}


def _is_one_of(image: Image, wanted: Iterable[Mapping[str, str]]) -> bool:
    return any(
        each.get("imageDigest") == image.digest or each.get("imageTag") in image.tags for each in wanted
    )
