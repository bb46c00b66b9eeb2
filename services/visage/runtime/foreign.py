"""Other people's interfaces, served beside ours: their messages live in descriptor pools of their own.

In the default pool they would clash with the generated code of their owners' packages, which a process may hold too.
"""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from visage.runtime.interceptors import OUR_MANNERS, Manners
from visage.runtime.server import Servicer

_DESCRIPTORS: Final = "compat.binpb"


class ForeignProtos:
    """The messages and services of one file of `protos/compat`."""

    def __init__(self, file_name: str) -> None:
        """Loads a file, such as "compat/riva_tts.proto", and what it imports, into a new pool."""
        data = resources.files("visage.v1").joinpath(_DESCRIPTORS).read_bytes()
        files = {file.name: file for file in descriptor_pb2.FileDescriptorSet.FromString(data).file}
        self._pool = descriptor_pool.DescriptorPool()
        self._add(files, file_name, set())

    def _add(self, files: dict[str, Any], name: str, added: set[str]) -> None:
        if name in added:
            return
        added.add(name)
        for imported in files[name].dependency:
            self._add(files, imported, added)
        self._pool.AddSerializedFile(files[name].SerializeToString())

    def message(self, full_name: str) -> Any:
        """Returns a message class. Raises KeyError."""
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(full_name))

    def servicer(
        self,
        full_name: str,
        implementation: object,
        streams: frozenset[str] = frozenset(),
        manners: Manners | None = None,
    ) -> Servicer:
        """Returns a service whose methods are those of `implementation`; reflection, which has our pool, omits it.

        Args:
            full_name: Of the service.
            implementation: Has a method for each of the service's.
            streams: Methods that take a place of the process's capacity.
            manners: What its clients need otherwise than ours.
        """
        service = self._pool.FindServiceByName(full_name)

        def add(served: object, server: Any) -> None:
            handlers = {method.name: _handler(method, getattr(served, method.name)) for method in service.methods}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(full_name, handlers),))

        return Servicer(add, implementation, full_name, streams, is_reflected=False, manners=manners or OUR_MANNERS)


def _handler(method: Any, behaviour: Any) -> Any:
    """Returns the gRPC handler of a method's descriptor."""
    makers = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    request = message_factory.GetMessageClass(method.input_type)
    return makers[method.client_streaming, method.server_streaming](
        behaviour,
        request_deserializer=request.FromString,
        response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
    )
