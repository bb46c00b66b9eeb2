"""Request validation: the rules stand in the protos, this module applies them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import protovalidate
from google.protobuf.message import Message

from visage.runtime import errors


def validate(request: Message) -> None:
    """Raises InvalidField that names every field of `request` that breaks a rule of its proto."""
    found = protovalidate.collect_violations(request)
    if found:
        raise errors.InvalidField.of([(_path(request, violation), violation.proto.message) for violation in found])


async def validated(requests: AsyncIterator[Any], idle_s: float) -> AsyncIterator[Any]:
    """Yields the messages of a request stream once they hold; raises ClientStalled after `idle_s` of silence."""
    iterator = aiter(requests)
    while True:
        try:
            async with asyncio.timeout(idle_s):
                request = await anext(iterator)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise errors.ClientStalled(idle_s) from None
        validate(request)
        yield request


def _path(request: Message, violation: protovalidate.Violation) -> str:
    """Returns the field's path as google.rpc.BadRequest wants it: `scene.video.width`, `values[3]`, `labels["a"]`.

    A rule of a whole message names the field of it that its id ends in, if there is one.
    """
    parts: list[str] = []
    field = violation.proto.field
    # Two implementations of protobuf have two types of descriptors.
    message: Any = request.DESCRIPTOR
    for element in field.elements if field is not None else []:
        subscript = cast(Any, element.subscript)
        suffix = ""
        if subscript is not None:
            value = subscript.value
            suffix = f'["{value}"]' if isinstance(value, str) else f"[{value}]"
        parts.append(f"{element.field_name}{suffix}")
        known = message.fields_by_name.get(element.field_name) if message is not None else None
        message = known.message_type if known is not None else None
    culprit = violation.proto.rule_id.rpartition(".")[2]
    if message is not None and culprit in message.fields_by_name:
        parts.append(culprit)
    return ".".join(parts)
