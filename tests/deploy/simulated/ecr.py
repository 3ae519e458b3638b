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
        """The manifest is an index that names the architectures."""
        found, images, failures = self._repository(asked), [], []
        for each in asked["imageIds"]:
            image = next((one for one in found.images.values() if _is_one_of(one, [each])), None)
            if image is None:
                reason = {"failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
                failures.append({"imageId": each, **reason})
                continue
            manifests = [
                {"platform": {"architecture": name, "os": "linux"}, "digest": image.digest}
                for name in image.architectures
            ]
            kind = "application/vnd.oci.image.index.v1+json"
            text = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": manifests})
            images.append(
                {
                    "repositoryName": found.name,
                    "imageId": each,
                    "imageManifest": text,
                    "imageManifestMediaType": kind,
                }
            )
        return {"images": images, "failures": failures}

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


def _is_one_of(image: Image, wanted: Iterable[Mapping[str, str]]) -> bool:
    return any(
        each.get("imageDigest") == image.digest or each.get("imageTag") in image.tags for each in wanted
    )
