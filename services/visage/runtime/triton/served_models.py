"""What a Triton server says of its models: which are ready, what they are, what they have done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from tritonclient.utils import InferenceServerException

from visage.runtime import logs
from visage.runtime.triton.announcements import (
    ModelStatistics,
    read_parameter,
    read_signature,
    read_statistics,
)
from visage.runtime.triton.errors import ModelError, SignatureMismatch
from visage.runtime.triton.signature import ModelSignature
from visage.runtime.triton.statuses import to_model_error

_log = logs.get(__name__)


class ServedModels:
    """Of one server, which may be restarted meanwhile."""

    def __init__(self, connect: Callable[[], Any], limit_s: float) -> None:
        """Prepares.

        Args:
            connect: Returns the connection, made if need be.
            limit_s: Seconds for one question.
        """
        self._connect = connect
        self._limit_s = limit_s
        self._compared: dict[str, bool] = {}

    async def ready(self, signatures: Iterable[ModelSignature]) -> dict[str, bool]:
        """Ask for each model whether it can take calls now and is the one that the signature describes.

        The signature is compared once for each time that a server comes up; a difference is logged and means False, as
        does no answer.
        """
        wanted = list(signatures)
        states = await asyncio.gather(*map(self._is_ready, wanted))
        return {signature.name: state for signature, state in zip(wanted, states, strict=True)}

    async def check(self, signatures: Iterable[ModelSignature]) -> None:
        """Compare each signature with what the server announces.

        Raises:
            SignatureMismatch: They differ; the message names every difference.
            ModelUnavailable: No server answers, or it does not have the model.
        """
        for signature in signatures:
            try:
                answer = await self._connect().get_model_config(signature.name, client_timeout=self._limit_s)
            except InferenceServerException as error:
                raise to_model_error(signature.name, error.status(), error.message()) from None
            signature.check(read_signature(answer.config))

    async def find_models(self, parameter: str) -> dict[str, str]:
        """Return that parameter of the configuration of each model that is ready and has it, by the model's name.

        Raises:
            ModelUnavailable: No server answers.
        """
        found: dict[str, str] = {}
        try:
            index = await self._connect().get_model_repository_index(client_timeout=self._limit_s)
            for name in sorted({model.name for model in index.models if model.state == "READY"}):
                answer = await self._connect().get_model_config(name, client_timeout=self._limit_s)
                value = read_parameter(answer.config, parameter)
                if value is not None:
                    found[name] = value
        except InferenceServerException as error:
            raise to_model_error(parameter, error.status(), error.message()) from None
        return found

    async def statistics(self, model: str) -> ModelStatistics:
        """Return the server's counters for a model since it was loaded.

        Raises:
            ModelUnavailable: No server answers, or it does not have the model.
        """
        try:
            answer = await self._connect().get_inference_statistics(model, client_timeout=self._limit_s)
        except InferenceServerException as error:
            raise to_model_error(model, error.status(), error.message()) from None
        return read_statistics(model, answer)

    async def _is_ready(self, signature: ModelSignature) -> bool:
        name = signature.name
        try:
            is_served = bool(await self._connect().is_model_ready(name, client_timeout=self._limit_s))
        except InferenceServerException:
            is_served = False
        if not is_served:
            self._compared.pop(name, None)
            return False
        if name not in self._compared:
            try:
                await self.check([signature])
                self._compared[name] = True
            except SignatureMismatch as error:
                self._compared[name] = False
                _log.error("signature_mismatch", model=name, cause=str(error))
            except ModelError:
                return False
        return self._compared[name]
