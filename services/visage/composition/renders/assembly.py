"""The runner that the settings name."""

from __future__ import annotations

from visage.composition.renders.local_runner import LocalRunner, QueueLimits
from visage.composition.renders.runners import Runner
from visage.composition.renders.store import RenderStore
from visage.composition.renders.work import RenderWork
from visage.composition.settings import CompositionSettings
from visage.runtime.capacity import Places


def open_runner(settings: CompositionSettings, store: RenderStore, work: RenderWork, places: Places) -> Runner:
    """Returns it, not yet started. Raises ValueError where Jobs are wanted and no cluster is known."""
    if settings.render_runner == "local":
        return LocalRunner(store, work, places, QueueLimits(settings.renders_side_by_side, settings.renders_waiting))
    # The cluster's client takes a third of a second of every start: imported only where it is used.
    from visage.composition.renders.cluster import open_kubernetes_runner
    from visage.composition.renders.kubernetes_runner import JobOptions

    options = JobOptions(settings.render_template, settings.render_queue)
    return open_kubernetes_runner(store, settings.render_namespace, options)
