"""TLS between services, from the client, to Triton, with certificates that are renewed under running processes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from tests.fakes.certificates import Authority, tls_settings
from tests.fakes.speech_models import FakeSpeechModels
from tests.fakes.speech_service import serve_speech
from tests.fakes.tone_engine import TONE_VOICE, ToneEngine
from visage.animation import __main__ as animation
from visage.animation.settings import AnimationSettings
from visage.client import AsyncVisage
from visage.client.settings import ClientSettings
from visage.runtime import peers, server
from visage.runtime.settings import ServiceSettings
from visage.runtime.tls import TlsFileProblem, TlsFiles
from visage.runtime.triton.client import TritonClient
from visage.runtime.triton.errors import ModelError
from visage.runtime.triton.settings import TritonClientSettings
from visage.v1 import animation_service_pb2, speech_service_pb2_grpc
from visage.v1 import speech_service_pb2 as pb
from visage.v1.animation_service_pb2_grpc import AnimationServiceStub

pytestmark = pytest.mark.service

QUICK: dict[str, Any] = {"port": 0, "drain_wait_s": 0.0, "drain_grace_s": 1.0, "readiness_period_s": 0.05}


class Caller(speech_service_pb2_grpc.SpeechServiceServicer):
    """Answers with the common name of whoever calls."""

    async def GetVoice(self, request: pb.GetVoiceRequest, context: Any) -> pb.Voice:
        return pb.Voice(name=_caller(context))

    async def StreamSynthesizeSpeech(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for _ in requests:
            yield pb.StreamSynthesizeSpeechResponse(header=pb.StreamSynthesizeSpeechResponse.Header(voice="voices/a"))


def _caller(context: Any) -> str:
    names = context.auth_context().get("x509_common_name") or [b"nobody"]
    return str(names[0].decode())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def serving(files: TlsFiles | None, **settings: Any) -> AsyncIterator[server.RunningServer]:
    """Serves `Caller` on loopback."""

    async def ready() -> Mapping[str, bool]:
        return {}

    async def release() -> None:
        return None

    add = speech_service_pb2_grpc.add_SpeechServiceServicer_to_server
    parts = server.Parts("speech", [server.Servicer(add, Caller(), "visage.v1.SpeechService")], ready, release)
    chosen = ServiceSettings(**QUICK, **settings, **(tls_settings(files) if files else {}))
    async with server.start(parts, chosen) as running, asyncio.timeout(30):
        yield running


VOICE = pb.GetVoiceRequest(name="voices/a")


async def who_calls(channel: grpc.aio.Channel) -> str:
    stub = speech_service_pb2_grpc.SpeechServiceStub(channel)  # type: ignore[no-untyped-call]
    return str((await stub.GetVoice(VOICE, timeout=10)).name)


async def refused(channel: grpc.aio.Channel) -> bool:
    """Whether no call gets through."""
    stub = speech_service_pb2_grpc.SpeechServiceStub(channel)  # type: ignore[no-untyped-call]
    async with channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetVoice(VOICE, timeout=2)
    return caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def server_name(address: str, files: TlsFiles) -> str:
    """Common name of the certificate that a server shows now."""
    context = ssl.create_default_context(cafile=files.ca)
    context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols(["h2"])
    host, _, port = address.partition(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as wrapped,
    ):
        certificate: Any = wrapped.getpeercert()
    return str(certificate["subject"][0][0][1])


async def test_two_services_speak_by_mutual_tls(authority: Authority, tmp_path: Path) -> None:
    """The animation service, put together as its process does, has its text spoken by a speech service with TLS."""
    speech, caller = authority.issue("speech"), authority.issue("animation")
    tls = tls_settings(speech)
    async with serve_speech(
        (tmp_path / "store").as_uri(), FakeSpeechModels(), tmp_path, engines=[ToneEngine()], **tls
    ) as voices:
        settings = AnimationSettings(**QUICK, **tls_settings(caller), speech_address=voices.running.address)
        async with (
            server.start(await animation.build(settings), settings) as running,
            peers.open_channel(running.address, caller) as channel,
            asyncio.timeout(30),
        ):
            stub = AnimationServiceStub(channel)  # type: ignore[no-untyped-call]
            request = animation_service_pb2.AnimateFromTextRequest(
                input=pb.SynthesisInput(text="Hello."), synthesis=pb.SynthesisOptions(voice=TONE_VOICE.name)
            )
            kinds = [response.WhichOneof("response") async for response in stub.AnimateFromText(request)]

    assert kinds[0] == "header" and "block" in kinds


async def test_callers_without_a_certificate_of_the_mesh_are_refused(authority: Authority, tmp_path: Path) -> None:
    """Plaintext, TLS without a certificate, and one of another CA get nowhere."""
    stranger = Authority(tmp_path / "other").issue("stranger")
    own = authority.issue("server")
    content = own.read()
    foreign = stranger.read()
    async with serving(own) as running:
        target = running.address
        nameless = grpc.ssl_channel_credentials(content.ca)
        other = grpc.ssl_channel_credentials(content.ca, foreign.key, foreign.certificate)

        assert await refused(grpc.aio.insecure_channel(target))
        assert await refused(grpc.aio.secure_channel(target, nameless))
        assert await refused(grpc.aio.secure_channel(target, other))
        async with peers.open_channel(target, own) as channel:
            assert await who_calls(channel) == "server"


async def test_a_server_of_another_authority_is_not_called(authority: Authority, tmp_path: Path) -> None:
    """A channel trusts the CA of its settings alone."""
    async with serving(Authority(tmp_path / "other").issue("impostor")) as running:
        assert await refused(peers.open_channel(running.address, authority.issue("client")))


async def test_without_a_ca_anybody_may_call(authority: Authority) -> None:
    """TLS without client certificates, as towards customers."""
    files = authority.issue("public")
    async with serving(TlsFiles(files.certificate, files.key)) as running:
        credentials = grpc.ssl_channel_credentials(authority.ca.read_bytes())
        async with grpc.aio.secure_channel(running.address, credentials) as channel:
            assert await who_calls(channel) == "nobody"


async def test_a_renewed_server_certificate_is_shown(authority: Authority) -> None:
    """At the next handshake, without a restart; files that do not fit together change nothing."""
    files, caller = authority.issue("before"), authority.issue("caller")
    async with serving(files) as running:
        before = await asyncio.to_thread(server_name, running.address, caller)
        good = files.certificate.read_bytes()
        files.certificate.write_bytes(caller.certificate.read_bytes())
        broken = await asyncio.to_thread(server_name, running.address, caller)
        files.certificate.write_bytes(good)
        authority.issue("after", files.certificate.parent)
        after = await asyncio.to_thread(server_name, running.address, caller)

    assert (before, broken, after) == ("before", "before", "after")


async def test_a_renewed_client_certificate_is_used(authority: Authority) -> None:
    """From the next call on; a stream that runs goes on where it is."""
    own, files = authority.issue("server"), authority.issue("first")
    async with serving(own) as running, peers.open_channel(running.address, files) as channel:
        stub = speech_service_pb2_grpc.SpeechServiceStub(channel)  # type: ignore[no-untyped-call]
        call = stub.StreamSynthesizeSpeech()
        await call.write(pb.StreamSynthesizeSpeechRequest(config={}))
        await call.read()
        first = (await stub.GetVoice(VOICE)).name
        authority.issue("second", files.certificate.parent)
        second = (await stub.GetVoice(VOICE)).name
        await asyncio.sleep(0.1)
        await call.write(pb.StreamSynthesizeSpeechRequest(text="a"))
        answer = await call.read()
        await call.done_writing()

    assert (first, second) == ("first", "second")
    assert answer.header.voice == "voices/a"


async def test_probes_ask_a_port_without_tls(authority: Authority) -> None:
    """Health answers there for all names, and nothing else does."""
    async with (
        serving(authority.issue("server"), health_port=0) as running,
        grpc.aio.insecure_channel(running.health_address) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        states = {
            name: (await health.Check(health_pb2.HealthCheckRequest(service=name), wait_for_ready=True)).status
            for name in ("", server.LIVE, "visage.v1.SpeechService")
        }
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await who_calls(channel)

    assert states[server.LIVE] == health_pb2.HealthCheckResponse.SERVING and len(states) == 3
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def never(settings: ServiceSettings) -> server.Service:
    async def ready() -> Mapping[str, bool]:
        return {}

    async def release() -> None:
        return None

    return server.Parts("test", [], ready, release)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"CERT": "absent", "KEY": "tls.key"}, "VISAGE_TLS_CERT_FILE: {}/absent: No such file or directory"),
        ({"CERT": "tls.crt", "KEY": "absent"}, "VISAGE_TLS_KEY_FILE: {}/absent: No such file or directory"),
        ({"CERT": "tls.key", "KEY": "tls.key"}, "VISAGE_TLS_CERT_FILE: {}/tls.key holds no PEM certificate"),
        ({"CERT": "tls.crt", "KEY": "tls.crt"}, "VISAGE_TLS_KEY_FILE: {}/tls.crt holds no PEM key without a password"),
        ({"CERT": "tls.crt", "KEY": "other.key"}, "VISAGE_TLS_KEY_FILE: {0}/other.key is not the key of {0}/tls.crt"),
        ({"CERT": "tls.crt", "KEY": "tls.key", "CA": "tls.key"}, "VISAGE_TLS_CA_FILE: {}/tls.key holds no PEM"),
        ({"CERT": "tls.crt"}, "tls_key_file: must be given with tls_cert_file"),
        ({"CA": "tls.crt"}, "tls_cert_file: must be given with tls_key_file or tls_ca_file"),
    ],
)
def test_wrong_files_end_a_service_at_start(
    variables: dict[str, str],
    told: str,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With one line that names the setting, and status 2."""
    folder = authority.issue("wrong").certificate.parent
    (folder / "other.key").write_bytes(authority.issue("other").key.read_bytes())
    for name, file in variables.items():
        monkeypatch.setenv(f"VISAGE_TLS_{name}_FILE", str(folder / file))
    with pytest.raises(SystemExit) as caught:
        server.run(never, ServiceSettings, "test")

    assert caught.value.code == 2
    # Telemetry that other tests of this process have shut down logs beside it, as JSON.
    printed = [line for line in capsys.readouterr().err.splitlines() if line[0] != "{"]
    assert len(printed) == 1 and printed[0].startswith(told.format(folder))


def test_other_wrong_settings_end_a_service_at_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each in one line."""
    monkeypatch.setenv("VISAGE_PORT", "abc")
    monkeypatch.setenv("VISAGE_LOG_LEVEL", "LOUD")
    with pytest.raises(SystemExit) as caught:
        server.run(never, ServiceSettings, "test")
    lines = capsys.readouterr().err.splitlines()

    assert caught.value.code == 2
    assert [line.split(":")[0] for line in lines] == ["VISAGE_PORT", "VISAGE_LOG_LEVEL"]


async def test_the_client_library_speaks_tls(authority: Authority) -> None:
    """With the variables that the services read, too."""
    own, customer = authority.issue("server"), authority.issue("customer")
    async with serving(own) as running:
        addresses = dict.fromkeys(
            ("identity_address", "speech_address", "animation_address", "composition_address"), running.address
        )
        async with AsyncVisage(ClientSettings(**addresses, **tls_settings(customer))) as visage:  # type: ignore[arg-type]
            states = await visage.status(timeout_s=5.0)
        async with AsyncVisage(ClientSettings(**addresses)) as visage:  # type: ignore[arg-type]
            plain = await visage.status(timeout_s=1.0)

    assert set(states.values()) <= {"serving", "not serving"}
    assert set(plain.values()).isdisjoint({"serving", "not serving"})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"tls_ca_file": "absent"}, "VISAGE_TLS_CA_FILE: "),
        ({"tls_ca_file": "tls.key"}, "VISAGE_TLS_CA_FILE: "),
        ({"tls_cert_file": "tls.crt"}, "VISAGE_TLS_CA_FILE: "),
        ({"tls_ca_file": "tls.crt", "tls_cert_file": "tls.crt"}, "VISAGE_TLS_KEY_FILE: "),
        ({"tls_ca_file": "tls.crt", "tls_cert_file": "tls.crt", "tls_key_file": "absent"}, "VISAGE_TLS_KEY_FILE: "),
        ({"tls_ca_file": "tls.crt", "tls_cert_file": "tls.crt", "tls_key_file": "tls.crt"}, "VISAGE_TLS_KEY_FILE: "),
    ],
)
async def test_wrong_files_are_named_to_customers(fields: dict[str, str], told: str, authority: Authority) -> None:
    """By their variables, before anything is called."""
    folder = authority.issue("client").certificate.parent
    async with AsyncVisage(ClientSettings(**{key: folder / name for key, name in fields.items()})) as visage:  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=told):
            await visage.status(timeout_s=1.0)


class TritonStandIn(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Knows how often each model ran."""

    async def ModelStatistics(self, request: Any, context: Any) -> Any:
        return service_pb2.ModelStatisticsResponse(model_stats=[service_pb2.ModelStatistics(name=request.name)])


async def test_triton_is_called_by_tls(authority: Authority) -> None:
    """With the CA that the settings name, and with a certificate where Triton asks for one."""
    files, own = authority.issue("triton"), authority.issue("service")
    content = files.read()
    stand_in = grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(TritonStandIn(), stand_in)
    credentials = grpc.ssl_server_credentials([(content.key, content.certificate)], content.ca, True)
    port = stand_in.add_secure_port("127.0.0.1:0", credentials)
    await stand_in.start()
    url, ca = f"127.0.0.1:{port}", authority.ca
    settings = TritonClientSettings(url=url, tls_ca_file=ca, tls_cert_file=own.certificate, tls_key_file=own.key)
    try:
        async with TritonClient(settings) as client:
            answer = await client.statistics("lip_sync")
        async with TritonClient(TritonClientSettings(url=url, tls_ca_file=ca, control_timeout_s=1)) as nameless:
            with pytest.raises(ModelError):
                await nameless.statistics("lip_sync")
    finally:
        await stand_in.stop(None)

    assert answer.model == "lip_sync"


def test_wrong_files_of_triton_are_named(authority: Authority) -> None:
    """When a client is made, which is at start."""
    with pytest.raises(TlsFileProblem) as caught:
        TritonClient(TritonClientSettings(tls_ca_file=authority.folder / "absent"))

    assert caught.value.field == "triton_tls_ca_file"
