"""Keys, certificates, tokens and kubeconfigs of one embedded cluster: made before its start, worth nothing after its end."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conformance.faults import kubelet

#: Who acts for the scenario: a name that a reader of the audit log can tell from that of who plays the kubelets.
SCENARIO = "conformance:scenario"
_USERS = {
    "admin": (SCENARIO, ["system:masters"]),
    "kubelets": (kubelet.USER, ["system:masters"]),
    "controller-manager": ("system:kube-controller-manager", []),
    "scheduler": ("system:kube-scheduler", []),
}
#: Long enough for a cluster that somebody keeps up, short enough to be no standing credential.
_LIFETIME = datetime.timedelta(days=7)


@dataclass(frozen=True)
class Credentials:
    """Where the files are, all inside the cluster's private run directory."""

    directory: Path

    @property
    def ca(self) -> Path:
        """The certificate authority's certificate."""
        return self.directory / "ca.crt"

    @property
    def server_certificate(self) -> Path:
        """The API server's certificate, for 127.0.0.1 and localhost."""
        return self.directory / "server.crt"

    @property
    def server_key(self) -> Path:
        """The API server's key."""
        return self.directory / "server.key"

    @property
    def service_accounts(self) -> Path:
        """The key that signs and verifies service-account tokens."""
        return self.directory / "service-accounts.key"

    @property
    def tokens(self) -> Path:
        """The API server's token file."""
        return self.directory / "tokens.csv"

    def kubeconfig(self, who: str) -> Path:
        """The kubeconfig of admin, kubelets, controller-manager or scheduler."""
        return self.directory / f"{who}.kubeconfig"


def write(directory: Path, server: str) -> Credentials:
    """Make everything anew for the API server at the URL `server`; `directory` has to be private already."""
    made = Credentials(directory)
    authority_key, server_key, accounts_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority = _certificate("daemonset-conformance", authority_key, "daemonset-conformance", authority_key, authority=True)
    _private(made.ca, _pem(authority))
    _private(made.server_certificate, _pem(_certificate("kube-apiserver", server_key, "daemonset-conformance", authority_key)))
    _private(made.server_key, _key(server_key))
    _private(made.service_accounts, _key(accounts_key))
    lines = []
    for who, (user, groups) in _USERS.items():
        token = secrets.token_urlsafe(32)
        member = f',"{",".join(groups)}"' if groups else ""
        lines.append(f"{token},{user},{who}{member}\n")
        _private(made.kubeconfig(who), _kubeconfig(server, made.ca, user, token))
    _private(made.tokens, "".join(lines).encode())
    return made


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, *, authority: bool = False
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))  # clocks of containers and hosts differ
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    # Python 3.13 and later verify strictly: a CA has to say that it signs.
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    builder = builder.add_extension(
        x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **usage), critical=True
    )
    if not authority:
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _kubeconfig(server: str, ca: Path, user: str, token: str) -> bytes:
    # JSON is YAML; paths inside are absolute, so the file works from anywhere.
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "embedded", "cluster": {"server": server, "certificate-authority": str(ca)}}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "embedded", "context": {"cluster": "embedded", "user": user}}],
            "current-context": "embedded",
        },
        indent=1,
    ).encode()


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


def _private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
