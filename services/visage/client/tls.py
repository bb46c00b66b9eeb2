"""TLS towards a mesh: the files that the settings name, as credentials of a channel."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc

from visage.client.settings import ClientSettings


def channel_credentials(settings: ClientSettings) -> grpc.ChannelCredentials | None:
    """Returns what channels are opened with; None where calls are plaintext.

    Raises:
        ValueError: A file is missing or cannot be used; the message begins with its variable.
    """
    ca, certificate, key = settings.tls_ca_file, settings.tls_cert_file, settings.tls_key_file
    if ca is None:
        if certificate is not None or key is not None:
            raise ValueError("VISAGE_TLS_CA_FILE: must be given with VISAGE_TLS_CERT_FILE and VISAGE_TLS_KEY_FILE")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    roots = _read("VISAGE_TLS_CA_FILE", ca)
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError:
        raise ValueError(f"VISAGE_TLS_CA_FILE: {ca} holds no PEM certificate") from None
    if certificate is None and key is None:
        return grpc.ssl_channel_credentials(roots)
    if certificate is None or key is None:
        missing = "VISAGE_TLS_CERT_FILE" if certificate is None else "VISAGE_TLS_KEY_FILE"
        raise ValueError(f"{missing}: a certificate and its key are given together")
    chain, secret = _read("VISAGE_TLS_CERT_FILE", certificate), _read("VISAGE_TLS_KEY_FILE", key)
    try:
        context.load_cert_chain(certificate, key)
    except ssl.SSLError:
        raise ValueError(f"VISAGE_TLS_KEY_FILE: {certificate} and {key} are no certificate and its key") from None
    return grpc.ssl_channel_credentials(roots, secret, chain)


def _read(variable: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{variable}: {path}: {error.strerror}") from None
