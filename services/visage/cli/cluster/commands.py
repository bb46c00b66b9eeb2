"""`visage cluster`: status · drain · scale · render list · render cancel."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from visage.cli import console
from visage.cli.cluster.explain import explain
from visage.client import AsyncVisage

app = typer.Typer(help="Look after Visage on a Kubernetes cluster.", no_args_is_help=True)
render = typer.Typer(help="Renders, through the composition service.", no_args_is_help=True)
app.add_typer(render, name="render")

Namespace = Annotated[str, typer.Option(help="Namespace of Visage.")]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig.")]


@app.command()
def status(namespace: Namespace = "visage", context: Context = None) -> None:
    """Deployments, pods, streams over capacity, models that are ready, and the wait in Triton's queues."""
    console.run(_in_thread(_status, namespace, context))


def _status(namespace: str, context: str | None) -> None:
    cluster = _open(namespace, context)
    deployments, pods = cluster.deployments(), cluster.pods()

    def tables() -> Group:
        first = Table("deployment", "ready", "wanted")
        for item in deployments:
            first.add_row(item["name"], str(item["ready"]), str(item["replicas"]))
        second = Table("pod", "phase", "ready", "restarts", "streams", "models", "queue")
        for pod in pods:
            streams = "" if pod.capacity is None else f"{pod.streams or 0:g} of {pod.capacity:g}"
            queue = "" if pod.queue_s is None else f"{1000 * pod.queue_s:.1f} ms"
            ready = "yes" if pod.is_ready else "no"
            second.add_row(pod.name, pod.phase, ready, str(pod.restarts), streams, _readiness(pod.models), queue)
        return Group(first, second)

    console.show({"deployments": deployments, "pods": pods}, tables)


def _readiness(models: dict[str, bool]) -> str:
    missing = [name for name, is_ready in models.items() if not is_ready]
    if not models:
        return ""
    return f"{len(models) - len(missing)} of {len(models)}" + (f"; not {', '.join(missing)}" if missing else "")


@app.command()
def drain(
    pod: Annotated[str, typer.Argument(help="Name of the pod.")],
    patience_s: Annotated[float, typer.Option("--patience", help="Seconds to wait for its disruption budget.")] = 300,
    namespace: Namespace = "visage",
    context: Context = None,
) -> None:
    """Evict a pod: its streams go on elsewhere, and its disruption budget is kept."""
    console.run(_in_thread(_drain, pod, patience_s, namespace, context))


def _drain(pod: str, patience_s: float, namespace: str, context: str | None) -> None:
    from kubernetes.client.exceptions import ApiException

    cluster = _open(namespace, context)
    end_s = time.monotonic() + patience_s
    while True:
        try:
            cluster.evict(pod)
            break
        except ApiException as error:
            if error.status != 429 or time.monotonic() >= end_s:
                cause = "its disruption budget lets no pod go" if error.status == 429 else error.reason
                raise ValueError(f"{pod} is not evicted: {cause}") from error
            time.sleep(min(2.0, max(0.0, end_s - time.monotonic())))
    console.show({"evicted": pod}, lambda: f"{pod} is going")


@app.command()
def scale(
    is_explained: Annotated[bool, typer.Option("--explain", help="Say which metric wants how many, and why.")] = False,
    namespace: Namespace = "visage",
    context: Context = None,
) -> None:
    """What the autoscalers want; they alone set the number of replicas."""
    console.run(_in_thread(_scale, is_explained, namespace, context))


def _scale(is_explained: bool, namespace: str, context: str | None) -> None:
    found = [(scaler, *explain(scaler)) for scaler in _open(namespace, context).scalers()]

    def table() -> Table:
        columns = ("deployment", "replicas", "desired", "bounds", *(("metric", "why") if is_explained else ()))
        made = Table(*columns)
        for scaler, wishes, verdict in found:
            row = [scaler.target, str(scaler.replicas), str(scaler.desired), f"{scaler.least} to {scaler.most}"]
            if is_explained:
                row += ["\n".join(wish.metric for wish in wishes), "\n".join([*(w.reason for w in wishes), verdict])]
            made.add_row(*row)
        return made

    value = [{"scaler": scaler, "wishes": wishes, "verdict": verdict} for scaler, wishes, verdict in found]
    console.show(value, table)


@render.command("list")
def list_renders() -> None:
    """List renders, newest first."""
    console.run(_list_renders())


async def _list_renders() -> None:
    async with AsyncVisage() as visage:
        jobs = [job async for job in visage.renders.list()]

    def table() -> Table:
        made = Table("render", "state", "seconds", "attempts", "expires (UTC)", "film or error")
        for job in jobs:
            film = job.asset or job.error
            expires = job.expire_time.strftime("%Y-%m-%d %H:%M") if job.expire_time is not None else ""
            made.add_row(job.name, job.state, f"{job.media_s:.1f}", str(job.attempt_count), expires, film)
        return made

    console.show(jobs, table)


@render.command("cancel")
def cancel_render(name: Annotated[str, typer.Argument(help="operations/…, as `list` shows it.")]) -> None:
    """Stop a render."""
    console.run(_cancel_render(name))


async def _cancel_render(name: str) -> None:
    async with AsyncVisage() as visage:
        await visage.renders.cancel(name)
        job = await visage.renders.get(name)
    console.show(job, lambda: f"{job.name}: {job.state}")


async def _in_thread(work: Any, *arguments: Any) -> None:
    from kubernetes.client.exceptions import ApiException

    try:
        await asyncio.to_thread(work, *arguments)
    except ApiException as error:
        raise ValueError(f"the cluster refuses: {error.status} {error.reason}") from error
    except Exception as error:
        if type(error).__module__.startswith("urllib3"):
            raise OSError("the cluster's API server cannot be reached") from error
        raise


def _open(namespace: str, context: str | None) -> Any:
    # The cluster's client takes a third of a second of every start: imported only where it is used.
    from visage.cli.cluster.api import open_cluster

    return open_cluster(namespace, context)
