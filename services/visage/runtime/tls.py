"""TLS between services from files that somebody renews: cert-manager replaces them in a mounted secret.

With a CA, both sides show a certificate of it. Servers read renewed files at the next handshake, channels at the next
call (`visage.runtime.renewing_channel`); files that do not fit together leave what was there in force.
"""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from visage.runtime import logs

_ATTEMPTS: Final = 3

_log = logs.get(__name__)

Signature = tuple[tuple[int, int, int], ...]


class TlsFileProblem(Exception):
    """A file cannot be used; `field` is the setting that names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


@dataclass(frozen=True, slots=True)
class TlsContent:
    """What the files held at one time; PEM."""

    certificate: bytes
    key: bytes
    ca: bytes | None

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """For a channel that shows the certificate and trusts the CA, or the system's where there is none."""
        return grpc.ssl_channel_credentials(self.ca, self.key, self.certificate)

    def server_configuration(self) -> Any:
        """For a server's next handshakes."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.certificate)], self.ca)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of a PEM certificate chain, its key and, where peers must show theirs, the CA of all of them."""

    certificate: Path
    key: Path
    ca: Path | None = None

    def signature(self) -> Signature:
        """Changes when a file is replaced; raises OSError."""
        paths = [path for path in (self.certificate, self.key, self.ca) if path is not None]
        stats = [path.stat() for path in paths]
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)

    def read(self) -> TlsContent:
        """Returns what the files hold, all of one time.

        Raises:
            TlsFileProblem: One is missing or no PEM, or the key is another certificate's.
        """
        for _ in range(_ATTEMPTS):
            self._check()
            before = self.signature()
            content = TlsContent(
                self.certificate.read_bytes(), self.key.read_bytes(), self.ca.read_bytes() if self.ca else None
            )
            if self.signature() == before:
                return content
        raise TlsFileProblem("tls_cert_file", "is replaced all the time")

    def _check(self) -> None:
        """Raises TlsFileProblem that names the field at fault."""
        if self.ca is not None:
            check_certificates("tls_ca_file", self.ca)
        check_pair("tls_cert_file", self.certificate, "tls_key_file", self.key)


def check_certificates(field: str, path: Path) -> None:
    """Raises TlsFileProblem where a file is not there or holds no certificates."""
    try:
        path.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise TlsFileProblem(field, f"{path} holds no PEM certificate") from None
    except OSError as error:
        raise TlsFileProblem(field, f"{path}: {error.strerror}") from None


def check_pair(certificate_field: str, certificate: Path, key_field: str, key: Path) -> None:
    """Raises TlsFileProblem where a certificate cannot be used, or the key does not belong to it."""
    check_certificates(certificate_field, certificate)

    def no_password() -> bytes:
        raise ValueError("a password is asked for")

    try:
        key.read_bytes()
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, no_password)
    except (ssl.SSLError, ValueError) as error:
        is_other = isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH"
        cause = f"is not the key of {certificate}" if is_other else "holds no PEM key without a password"
        raise TlsFileProblem(key_field, f"{key} {cause}") from None
    except OSError as error:
        raise TlsFileProblem(key_field, f"{key}: {error.strerror}") from None


class TlsWatch:
    """The present content of the files; safe to ask from any thread."""

    def __init__(self, files: TlsFiles) -> None:
        """Reads the files; raises TlsFileProblem."""
        self.files = files
        self.content = files.read()
        self._signature = files.signature()
        self._lock = threading.Lock()

    def renewed(self) -> bool:
        """Returns whether `content` is another one now; what cannot be read leaves it as it is, with a log line."""
        with self._lock:
            try:
                signature = self.files.signature()
                if signature == self._signature:
                    return False
                self._signature = signature
                self.content = self.files.read()
            except (OSError, TlsFileProblem) as error:
                _log.error("tls_renewal_refused", cause=str(error))
                return False
        _log.info("tls_renewed", certificate=str(self.files.certificate))
        return True


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Returns credentials that follow the files; with a CA, clients must show a certificate of it.

    Raises:
        TlsFileProblem: The files cannot be used.
    """
    watch = TlsWatch(files)

    def fetch() -> Any:
        # Called by a thread of gRPC before each handshake; None leaves everything as it is.
        return watch.content.server_configuration() if watch.renewed() else None

    return grpc.dynamic_ssl_server_credentials(
        watch.content.server_configuration(), fetch, require_client_authentication=files.ca is not None
    )
