"""The public client of NVIDIA Riva, which knows nothing of asyncio, against a service in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import numpy as np
from riva.client import Auth, SpeechSynthesisService
from riva.client.proto import riva_tts_pb2 as pb

from tests.fakes.identity_service import Refusal
from visage.media.pcm import FloatPcm
from visage.runtime.audio import Encoding, raw_samples


class RivaClient:
    """Calls as Riva's users write them, each in a thread; `service` and `stub` are the package's own."""

    def __init__(self, address: str) -> None:
        self.auth = Auth(uri=address)
        self.service = SpeechSynthesisService(self.auth)
        self.stub: Any = self.service.stub

    async def synthesize(self, text: str, **options: Any) -> Any:
        return await asyncio.to_thread(self.service.synthesize, text, **options)

    async def online(self, text: str | list[str], **options: Any) -> list[Any]:
        return await asyncio.to_thread(lambda: list(self.service.synthesize_online(text, **options)))

    async def online_requests(self, requests: Iterable[Any]) -> list[Any]:
        return await asyncio.to_thread(lambda: list(self.stub.SynthesizeOnline(iter(requests))))

    async def config(self, model_name: str) -> Any:
        request = pb.RivaSynthesisConfigRequest(model_name=model_name)
        return await asyncio.to_thread(self.stub.GetRivaSynthesisConfig, request)

    async def voices(self) -> dict[str, list[str]]:
        """Language → full names, put together as the package's sample application does."""
        config = await self.config("")
        found: dict[str, list[str]] = {}
        for model in config.model_config:
            names = [subvoice.split(":")[0] for subvoice in model.parameters["subvoices"].split(",")]
            full = [f"{model.parameters['voice_name']}.{name}" for name in names]
            found.setdefault(model.parameters["language_code"], []).extend(full)
        return found

    async def refusal(
        self, call: Callable[..., Any], *arguments: Any, **options: Any
    ) -> tuple[grpc.StatusCode, Refusal]:
        """The status of a call that must fail, and its details."""
        try:
            await call(*arguments, **options)
        except grpc.RpcError as error:
            return error.code(), Refusal.of_call(error)
        raise AssertionError("the call was answered")


@asynccontextmanager
async def riva_client(address: str) -> AsyncIterator[RivaClient]:
    """Connects and disconnects."""
    client = RivaClient(address)
    try:
        yield client
    finally:
        client.auth.channel.close()


def samples_of(responses: Iterable[Any]) -> FloatPcm:
    """The sound of LINEAR_PCM responses."""
    return np.asarray(raw_samples(b"".join(response.audio for response in responses), Encoding.LINEAR16, 1, "audio"))
