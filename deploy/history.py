"""releases: what was deployed, rolled back and failed, the newest first."""

import argparse

from deploy import buckets, releases
from deploy.releases import Release
from deploy.site import Site

DIGEST_CHARACTERS = 19


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=20)


def run(site: Site, args: argparse.Namespace) -> int:
    found = releases.fetch_all(site.cloud, site.bucket) if buckets.exists(site.cloud, site.bucket) else ()
    if not found:
        site.timeline.tell("releases", f"stage {site.stage.name} has no release yet")
    for each in found[: args.limit]:
        site.timeline.tell(each.outcome, describe(each), at=each.at, id=each.id, digest=each.digest)
    return 0


def describe(release: Release) -> str:
    said = f"{release.id}  {release.at:%Y-%m-%d %H:%M:%S}  {release.digest[:DIGEST_CHARACTERS]}"
    said += f"  schema {release.schema or '?'}  {release.seconds} s  by {release.who}"
    return f"{said}: {release.reason}" if release.reason else said
