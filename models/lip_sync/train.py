"""Trains LipNet for a given wall time on one core, a second process augmenting beside it.

    OMP_NUM_THREADS=1 python -m models.lip_sync.train build/lip_sync --minutes 45 --channels 160

One thread on purpose: on a busy machine two spinning threads are slower than one. Keeps `lip_sync.pt` (the moving
average of the weights) up to date, so that a run can be cut short. Optimiser: AdamW, one cosine cycle over the time.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import queue
import time
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as multiprocessing
from torch import Tensor
from torch.nn import functional

from models.lip_sync.augment import Augmenter, load_voice
from models.lip_sync.corpus import TRAINING_MINUTES
from models.lip_sync.network import MEL_BANDS, LipNet, LogMel
from visage.media.articulation import LOWER_FACE_INDEX
from visage.media.phones import BILABIALS, LABIODENTALS, PHONE_COUNT, PHONE_INDEX

BATCH_SIZE = 32
LEARNING_RATE = 2.5e-3
WEIGHT_DECAY = 0.02
WARM_UP_STEPS = 60
AVERAGE_DECAY = 0.997
CLIP_NORM = 1.0
# Batches kept for another hearing (about 4 MB each). Augmenting a batch costs two thirds of a step, so on two busy
# cores only this share is fresh; the rest is mixed anew from what is kept, with other vocal tracts and holes.
POOL_SIZE = 160
FRESH_SHARE = 0.5
LARGEST_MEL_WARP = 0.12
CURVE_WEIGHTS = {"JawOpen": 3.0, "MouthClose": 3.0, "MouthFunnel": 3.0, "MouthPucker": 3.0}
CURVE_WEIGHTS |= {"MouthRollLower": 1.5, "MouthPress": 1.5}
LIP_CONTACT_WEIGHT = 3.0
# Share of examples per voice; those that sound like people, and the one with many timbres, are heard more.
VOICE_WEIGHTS = {
    "espeak": 18.0,
    "flite_slt": 9.0,
    "flite_rms": 9.0,
    "flite_awb": 9.0,
    "flite_kal16": 3.0,
    "festival_kal": 3.0,
    "festival_italian_lp": 3.0,
    "festival_italian_pc": 3.0,
    "festival_finnish_lj": 3.0,
    "festival_finnish_mv": 3.0,
    "festival_czech_dita": 3.0,
    "festival_czech_krb": 2.0,
    "festival_czech_machac": 3.0,
    "festival_czech_ph": 3.0,
    "festival_russian_nsh": 8.0,
    "festival_hindi_nsk": 2.0,
    "festival_telugu_nsk": 2.0,
    "piper_joe": 18.0,
    "again": 28.0,
}

Batch = tuple[Tensor, Tensor, Tensor]


def produce(batches: multiprocessing.Queue, folder: Path, seed: int) -> None:
    """Endlessly put batches (mel [B, 80, 320], curves [B, 160, 17], classes [B, 160]) of augmented sound."""
    torch.set_num_threads(1)
    voices = [load_voice(folder / f"{name}.npz") for name in TRAINING_MINUTES]
    augmenter = Augmenter(voices, [VOICE_WEIGHTS[name] for name in TRAINING_MINUTES], seed)
    log_mel = LogMel()
    while True:
        examples = [augmenter.example() for _ in range(BATCH_SIZE)]
        pcm, curves, classes = (torch.from_numpy(np.stack(parts)) for parts in zip(*examples, strict=True))
        with torch.no_grad():
            batches.put((log_mel(pcm, fast=True).numpy(), curves.numpy(), classes.numpy()))


class Pool:
    """Fresh batches until it is full, then also earlier examples in new company."""

    def __init__(self, batches: multiprocessing.Queue, seed: int) -> None:
        """Start empty."""
        self._batches = batches
        self._random = np.random.default_rng(seed)
        self._kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._drawn_count = 0
        self.fresh_count = 0

    def draw(self) -> Batch:
        """The next batch; waits only while the pool is small."""
        self._drawn_count += 1
        filling = len(self._kept) < POOL_SIZE
        batch = None
        if filling or self.fresh_count < FRESH_SHARE * self._drawn_count:
            with contextlib.suppress(queue.Empty):
                batch = self._batches.get(block=len(self._kept) < 4)
        if batch is None:
            rows = self._random.integers(0, BATCH_SIZE, BATCH_SIZE)
            chosen = self._random.integers(0, len(self._kept), BATCH_SIZE)
            mixed = [[self._kept[c][part][r] for c, r in zip(chosen, rows, strict=True)] for part in range(3)]
            batch = (np.stack(mixed[0]), np.stack(mixed[1]), np.stack(mixed[2]))
        else:
            self.fresh_count += 1
            if filling:
                self._kept.append(batch)
            else:
                self._kept[int(self._random.integers(POOL_SIZE))] = batch
        mel, curves, classes = (torch.from_numpy(part) for part in batch)
        return mel, curves, classes


def disturb(mel: Tensor, random: np.random.Generator) -> Tensor:
    """[B, 80, T] with other vocal tract lengths (the mel axis stretched) and, half the time, small holes."""
    count = mel.shape[0]
    stretch = torch.exp(torch.empty(count, 1).uniform_(-LARGEST_MEL_WARP, LARGEST_MEL_WARP))
    knee, top = 70.0, float(MEL_BANDS - 1)
    place = torch.arange(float(MEL_BANDS))[None] * stretch
    beyond = knee + (place - knee) * ((top - knee) / (top * stretch - knee).clamp(min=1))
    place = torch.where(place > knee, beyond, place).clamp(0, top - 1e-3)
    below = place.long()
    share = (place - below)[..., None]
    index = below[..., None].expand(-1, -1, mel.shape[2])
    warped = torch.gather(mel, 1, index) * (1 - share) + torch.gather(mel, 1, index + 1) * share
    if random.random() < 0.5:
        for row in range(count):
            mean = warped[row].mean()
            band = int(random.integers(70))
            warped[row, band : band + int(random.integers(10))] = mean
            if random.random() < 0.3:
                frame = int(random.integers(mel.shape[2] - 8))
                warped[row, :, frame : frame + int(random.integers(8))] = mean
    return warped


class Loss:
    """Weighted curve error, its velocity, and phone cross-entropy."""

    def __init__(self) -> None:
        """Lay out the weights."""
        self._curve_weights = torch.ones(len(LOWER_FACE_INDEX))
        for name, weight in CURVE_WEIGHTS.items():
            self._curve_weights[LOWER_FACE_INDEX[name]] = weight
        self._class_weights = torch.ones(PHONE_COUNT)
        for phone in BILABIALS | LABIODENTALS:
            self._class_weights[PHONE_INDEX[phone]] = LIP_CONTACT_WEIGHT

    def __call__(self, curves: Tensor, logits: Tensor, target: Tensor, classes: Tensor) -> tuple[Tensor, list[float]]:
        """The loss to minimise, and its three parts with the share of phones found."""
        squared = (curves - target) ** 2 * self._curve_weights
        curve_loss = 10 * (squared * self._class_weights[classes][..., None]).mean()
        velocity = (curves.diff(dim=1) - target.diff(dim=1)) ** 2 * self._curve_weights
        velocity_loss = 20 * velocity.mean()
        phone_loss = functional.cross_entropy(logits.flatten(0, 1), classes.flatten(), label_smoothing=0.05)
        found = (logits.argmax(-1) == classes).float().mean()
        parts = [curve_loss.item(), velocity_loss.item(), phone_loss.item(), found.item()]
        return curve_loss + velocity_loss + 0.1 * phone_loss, parts


def follow(average: LipNet, network: LipNet, step: int) -> None:
    """Move the average a little towards the network; counters and buffers are copied."""
    decay = min(AVERAGE_DECAY, (step + 1) / (step + 20))
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)


def train(folder: Path, minutes: float, channels: int, start_from: Path | None) -> None:
    """Train for `minutes`, printing every 50 steps, saving every 200."""
    context = multiprocessing.get_context("spawn")
    batches = context.Queue(6)
    checkpoint = torch.load(start_from) if start_from else None
    # A later stage draws other examples than the one before it.
    seed = 1 + (checkpoint["step"] if checkpoint else 0)
    producer = context.Process(target=produce, args=(batches, folder, seed), daemon=True)
    producer.start()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    random = np.random.default_rng(seed)
    network, pool, loss_of = LipNet(channels), Pool(batches, 2), Loss()
    if checkpoint:
        network.load_state_dict(checkpoint["weights"])
    network = network.to(memory_format=torch.channels_last).train()
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.98))
    peak = LEARNING_RATE * (0.5 if checkpoint else 1)
    parts: list[list[float]] = []
    started = time.monotonic()
    step = 0
    while (elapsed_s := time.monotonic() - started) < minutes * 60:
        cycle = 0.5 * (1 + np.cos(np.pi * elapsed_s / (minutes * 60))) * 0.98 + 0.02
        rate = peak * min(1, (step + 1) / WARM_UP_STEPS) * cycle
        for group in optimizer.param_groups:
            group["lr"] = rate
        mel, target, classes = pool.draw()
        loss, values = loss_of(*network.heads(disturb(mel, random)), target, classes)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
        optimizer.step()
        follow(average, network, step)
        step += 1
        parts.append(values)
        if step % 50 == 0:
            curve, velocity, phone, found = np.mean(parts[-50:], axis=0)
            print(
                f"{step} {elapsed_s:.0f} s, fresh {pool.fresh_count}, rate {rate:.5f}, curve {curve:.4f},"
                f" velocity {velocity:.4f}, phones {phone:.3f}, found {found:.3f}",
                flush=True,
            )
        if step % 200 == 0:
            save(folder, average, channels, step)
    save(folder, average, channels, step)
    producer.terminate()


def save(folder: Path, average: LipNet, channels: int, step: int) -> None:
    """Replace the checkpoint in one move, so that a reader never sees half of it."""
    partial = folder / "lip_sync.partial"
    torch.save({"channels": channels, "step": step, "weights": average.state_dict()}, partial)
    partial.replace(folder / "lip_sync.pt")


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where the corpus lies and the checkpoint goes")
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--channels", type=int, default=160)
    parser.add_argument("--start-from", type=Path, default=None, help="a checkpoint to continue from")
    arguments = parser.parse_args()
    train(arguments.folder, arguments.minutes, arguments.channels, arguments.start_from)


if __name__ == "__main__":
    main()
