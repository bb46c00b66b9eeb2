"""One call of a model: what goes by shared memory, what goes by wire, and how the answer is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tritonclient.grpc import InferInput, InferRequestedOutput

from visage.runtime.triton.errors import ModelFailed
from visage.runtime.triton.pinned import PinnedInputs
from visage.runtime.triton.regions import Extent, Place, Region
from visage.runtime.triton.signature import Array, Described, ModelSignature


@dataclass(frozen=True, slots=True)
class Call:
    """The parts of a call that stay the same if it is made again.

    Attributes:
        signature: The model.
        batch_size: Items in this call.
        inputs: Tensors given for this call.
        pinned: Holder of further inputs.
        pinned_names: Which of those are used.
        headers: gRPC metadata.
        deadline: When the answer must be there, on the event loop's clock.
    """

    signature: ModelSignature
    batch_size: int
    inputs: Mapping[str, Array]
    pinned: PinnedInputs | None
    pinned_names: tuple[str, ...]
    headers: dict[str, str]
    deadline: float

    def large_tensors(self, threshold_bytes: int) -> dict[str, Described]:
        """Inputs and outputs, keyed `in:` or `out:` and the name, that are worth a place in shared memory."""
        large: dict[str, Described] = {
            f"in:{name}": array for name, array in self.inputs.items() if array.nbytes >= threshold_bytes
        }
        for spec in self.signature.outputs:
            if spec.item_bytes is not None and spec.item_bytes * self.batch_size >= threshold_bytes:
                large[f"out:{spec.name}"] = Extent((self.batch_size, *spec.dims), spec.dtype)
        return large

    def make_inputs(
        self, region: Region | None, places: Mapping[str, Place], pinned_region: Region | None
    ) -> list[InferInput]:
        """Write the large inputs into `region`; return all inputs for tritonclient."""
        datatypes = {spec.name: spec.datatype for spec in self.signature.inputs}
        made = []
        for name, array in self.inputs.items():
            tensor = InferInput(name, list(array.shape), datatypes[name])
            place = places.get(f"in:{name}")
            if region is not None and place is not None:
                region.write(place, array)
                tensor.set_shared_memory(region.name, place.byte_size, place.offset)
            else:
                tensor.set_data_from_numpy(np.ascontiguousarray(array))
            made.append(tensor)
        for name in self.pinned_names:
            assert self.pinned is not None
            tensor = InferInput(name, list(self.pinned.tensors[name].shape), datatypes[name])
            if pinned_region is not None:
                place = self.pinned.place(name)
                tensor.set_shared_memory(pinned_region.name, place.byte_size, place.offset)
            else:
                tensor.set_data_from_numpy(self.pinned.array(name))
            made.append(tensor)
        return made

    def make_outputs(self, region: Region | None, places: Mapping[str, Place]) -> list[InferRequestedOutput]:
        """Return the outputs to ask for, the large ones into `region`."""
        made = []
        for spec in self.signature.outputs:
            tensor = InferRequestedOutput(spec.name)
            place = places.get(f"out:{spec.name}")
            if region is not None and place is not None:
                tensor.set_shared_memory(region.name, place.byte_size, place.offset)
            made.append(tensor)
        return made

    def read(self, answer: Any, region: Region | None, places: Mapping[str, Place]) -> dict[str, Array]:
        """Return the outputs by name.

        Raises:
            ModelFailed: An output is missing or shorter than it must be.
        """
        outputs: dict[str, Array] = {}
        for spec in self.signature.outputs:
            place = places.get(f"out:{spec.name}")
            if region is not None and place is not None:
                outputs[spec.name] = region.read(place)
                continue
            array = answer.as_numpy(spec.name)
            if array is None or array.dtype != spec.dtype or array.shape[0] != self.batch_size:
                raise ModelFailed(self.signature.name, f"output {spec.name} is missing or incomplete")
            outputs[spec.name] = array
        return outputs
