"""A certificate authority of a test's own, made with the openssl command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from visage.runtime.tls import TlsFiles

_CURVE = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


class Authority:
    """A CA in a folder; `issue` makes certificates for servers and clients on loopback."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("there is no openssl here")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ca = folder / "ca.crt"
        self._count = 0
        _openssl(folder, "req", "-x509", "-newkey", *_CURVE, "-nodes", "-keyout", "ca.key", "-out", "ca.crt",
                 "-days", "2", "-subj", "/CN=test authority")  # fmt: skip

    def issue(self, name: str, into: Path | None = None) -> TlsFiles:
        """Makes a certificate with the common name `name`; `into` is a folder whose files it replaces, as a mounted
        secret's are."""
        self._count += 1
        target = into or self.folder / name
        target.mkdir(exist_ok=True)
        work = self.folder / f"work{self._count}"
        work.mkdir()
        (work / "names").write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"
        )
        _openssl(work, "req", "-newkey", *_CURVE, "-nodes", "-keyout", "tls.key", "-out", "csr", "-subj", f"/CN={name}")
        _openssl(work, "x509", "-req", "-in", "csr", "-CA", "../ca.crt", "-CAkey", "../ca.key", "-CAcreateserial",
                 "-out", "tls.crt", "-days", "2", "-extfile", "names")  # fmt: skip
        for file in ("tls.key", "tls.crt"):
            (work / file).replace(target / file)
        return TlsFiles(target / "tls.crt", target / "tls.key", self.ca)


def tls_settings(files: TlsFiles) -> dict[str, Path | None]:
    """The fields of settings that name the files."""
    return {"tls_cert_file": files.certificate, "tls_key_file": files.key, "tls_ca_file": files.ca}


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)
