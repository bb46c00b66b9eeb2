"""Read what Triton says about its models: configuration and statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tritonclient.grpc import model_config_pb2

from visage.runtime.triton.signature import ModelSignature, TensorSpec


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """Counters of one model since it was loaded, warm-up not included.

    Attributes:
        model: Name of the model.
        item_count: Batch items that were executed.
        execution_count: Executions; several items share one.
        success_count: Requests answered.
        failure_count: Requests that ended otherwise: rejected, expired, cancelled or broken.
        queue_s: Seconds that the answered requests waited for their execution, together.
        compute_s: Seconds of their executions, without copying, together.
    """

    model: str
    item_count: int
    execution_count: int
    success_count: int
    failure_count: int
    queue_s: float
    compute_s: float

    @property
    def mean_batch_size(self) -> float:
        """Items per execution; 0 before the first."""
        return self.item_count / self.execution_count if self.execution_count else 0.0

    @property
    def mean_queue_s(self) -> float:
        """Mean seconds that a request waited; 0 before the first."""
        return self.queue_s / self.success_count if self.success_count else 0.0

    @property
    def mean_compute_s(self) -> float:
        """Mean seconds of a request's execution; 0 before the first."""
        return self.compute_s / self.success_count if self.success_count else 0.0

    def since(self, earlier: ModelStatistics) -> ModelStatistics:
        """Return what has been counted since an earlier reading."""
        return ModelStatistics(
            self.model,
            self.item_count - earlier.item_count,
            self.execution_count - earlier.execution_count,
            self.success_count - earlier.success_count,
            self.failure_count - earlier.failure_count,
            self.queue_s - earlier.queue_s,
            self.compute_s - earlier.compute_s,
        )


def read_signature(config: Any) -> ModelSignature:
    """Return the signature that a `ModelConfig` message announces."""
    return ModelSignature(
        name=config.name,
        inputs=tuple(_read_tensor(tensor, tensor.optional) for tensor in config.input),
        outputs=tuple(_read_tensor(tensor, False) for tensor in config.output),
        max_batch_size=config.max_batch_size,
    )


def read_parameter(config: Any, key: str) -> str | None:
    """Return a parameter of a `ModelConfig` message; None if it has none of that name."""
    return config.parameters[key].string_value if key in config.parameters else None


def read_statistics(model: str, answer: Any) -> ModelStatistics:
    """Return the sum over all versions in a `ModelStatisticsResponse` message."""
    versions = list(answer.model_stats)
    requests = [version.inference_stats for version in versions]
    return ModelStatistics(
        model=model,
        item_count=sum(version.inference_count for version in versions),
        execution_count=sum(version.execution_count for version in versions),
        success_count=sum(stats.success.count for stats in requests),
        failure_count=sum(stats.fail.count for stats in requests),
        queue_s=sum(stats.queue.ns for stats in requests) / 1e9,
        compute_s=sum(stats.compute_infer.ns for stats in requests) / 1e9,
    )


def _read_tensor(tensor: Any, is_optional: bool) -> TensorSpec:
    datatype = model_config_pb2.DataType.Name(tensor.data_type).removeprefix("TYPE_")
    return TensorSpec(tensor.name, datatype, tuple(tensor.dims), is_optional)
