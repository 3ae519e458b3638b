"""An authority for one rehearsal and what it signs for the database: as RDS's own, and worth nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Longer than the days at which the alarm for a bundle that ends begins to ring.
LIFE = timedelta(days=90)


def make_authority(folder: Path, region: str) -> tuple[Path, Path]:
    """The bundle that clients are given, and the file with certificate and key that the server shows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Holdfast rehearsal")
    basic = x509.BasicConstraints(ca=True, path_length=0)
    own = _builder(name, name, key.public_key()).add_extension(basic, critical=True)
    bundle = folder / "rds-ca.pem"
    bundle.write_bytes(_pem(own.sign(key, hashes.SHA256())))

    server_key = ec.generate_private_key(ec.SECP256R1())
    host = f"*.rehearsal.{region}.rds.amazonaws.com"
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    shown = _builder(_name("rds"), name, server_key.public_key()).add_extension(names, critical=False)
    certificate = folder / "rds-server.pem"
    certificate.touch(mode=0o600)
    private = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate.write_bytes(_pem(shown.sign(key, hashes.SHA256())) + private)
    return bundle, certificate


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFE)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
