"""What was put comes back byte for byte or not at all, from a folder as from a bucket."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime import errors
from runtime.artefacts.places import Bucket, Folder, Place
from tests.artefacts.conftest import BUCKET, TENANT
from tests.venue import ROOT

BODY = b"what was learned" * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()


def test_place__gives_back_what_was_put_under_its_digest(place: Place) -> None:
    assert place.put(BODY) == SHA256
    assert place.put(BODY) == SHA256
    assert place.get(SHA256) == BODY


def test_place__refuses_what_is_gone(place: Place) -> None:
    with pytest.raises(errors.ArtefactUnusable, match="it is gone"):
        place.get(SHA256)


def test_folder__refuses_bytes_that_changed_and_takes_them_anew(tmp_path: Path) -> None:
    place = Folder(tmp_path, TENANT)
    place.put(BODY)
    path = tmp_path / TENANT / SHA256
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(BODY[:-1])
    with pytest.raises(errors.ArtefactUnusable, match="its bytes are others"):
        place.get(SHA256)
    place.put(BODY)
    assert place.get(SHA256) == BODY


def test_bucket__refuses_bytes_that_changed(bucket: Any) -> None:
    place = Bucket(BUCKET, TENANT, region="eu-west-1")
    place.put(BODY)
    bucket.put_object(Bucket=BUCKET, Key=f"artefacts/{TENANT}/{SHA256}", Body=b"something else")
    with pytest.raises(errors.ArtefactUnusable, match="its bytes are others"):
        place.get(SHA256)


def test_bucket__keeps_tenants_apart_below_one_prefix(bucket: Any) -> None:
    Bucket(BUCKET, TENANT, region="eu-west-1").put(BODY)
    with pytest.raises(errors.ArtefactUnusable):
        Bucket(BUCKET, "tenant-two", region="eu-west-1").get(SHA256)
    (kept,) = bucket.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert kept["Key"] == f"artefacts/{TENANT}/{SHA256}"


def test_bucket__that_is_not_there_says_so_in_one_sentence(bucket: Any) -> None:
    place = Bucket("another", TENANT, region="eu-west-1")
    with pytest.raises(errors.ArtefactsUnavailable, match="NoSuchBucket"):
        place.put(BODY)


def test_folder__that_cannot_be_made_says_so_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    place = Folder(tmp_path / "taken", TENANT)
    with pytest.raises(errors.ArtefactsUnavailable, match="Not a directory"):
        place.put(BODY)


FILLING = """
import sys
from pathlib import Path
from runtime import errors
from runtime.artefacts.places import Folder
place = Folder(Path(sys.argv[1]), "tenant")
kept = place.put(b"small")
try:
    place.put(bytes(4 << 20))
except errors.ArtefactsUnavailable as fault:
    print(fault)
print(len(place.get(kept)), [each.name for each in Path(sys.argv[1]).glob("*/.*")])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets an ordinary user mount a small disk")
def test_folder__on_a_full_disk_leaves_what_was_there_and_nothing_half_written(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=2m none "$1" && exec "$2" -c "$3" "$1"'
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    command = [*namespace, "sh", "-c", script, "sh", str(tmp_path), sys.executable, FILLING]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if said.stderr.startswith("unshare:"):
        pytest.skip("this machine forbids mount namespaces")
    assert said.returncode == 0, said.stderr
    sentence, after = said.stdout.splitlines()
    assert "No space left on device" in sentence
    assert after == "5 []"
