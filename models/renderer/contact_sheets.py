"""Draws contact sheets of avatars: expressions, mouths, eyes, blinks, gaze, poses, light, talking, backgrounds.

`python -m models.renderer.contact_sheets avatar.safetensors … --out folder`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np

from models.renderer.rendering import OpenVinoRenderer, curve_vector, load_avatar, model_path
from visage.media.arkit import CURVE_NAMES
from visage.media.portrait import EYES, PHOTO_LIGHT, Rect

WHOLE = Rect(0, 0, 512, 512)
FACE = Rect(96, 96, 320, 336)

VISEMES: dict[str, dict[str, float]] = {
    "rest": {},
    "AA": {"JawOpen": 0.42, "MouthLowerDown": 0.22, "MouthUpperUp": 0.10},
    "EH": {"JawOpen": 0.26, "MouthStretch": 0.22, "MouthLowerDown": 0.30, "MouthUpperUp": 0.16, "MouthSmile": 0.08},
    "IY": {"JawOpen": 0.08, "MouthStretch": 0.32, "MouthSmile": 0.22, "MouthLowerDown": 0.32, "MouthUpperUp": 0.20},
    "OW": {"JawOpen": 0.24, "MouthFunnel": 0.42, "MouthPucker": 0.38},
    "UW": {"JawOpen": 0.09, "MouthPucker": 0.75, "MouthFunnel": 0.22},
    "M": {"MouthPress": 0.35, "MouthRollLower": 0.28, "MouthRollUpper": 0.22},
    "F": {"MouthRollLower": 0.40, "MouthUpperUp": 0.24, "JawOpen": 0.07, "MouthShrugLower": 0.18},
    "L": {"JawOpen": 0.17, "MouthLowerDown": 0.18, "MouthUpperUp": 0.05, "TongueOut": 0.6},
    "S": {"JawOpen": 0.05, "MouthStretch": 0.2, "MouthLowerDown": 0.30, "MouthUpperUp": 0.14},
    "SH": {"JawOpen": 0.09, "MouthFunnel": 0.5, "MouthPucker": 0.22},
    "TH": {"JawOpen": 0.12, "MouthLowerDown": 0.2, "TongueOut": 0.9},
    "shout": {"JawOpen": 0.9, "MouthLowerDown": 0.3, "MouthUpperUp": 0.3},
    "closed jaw": {"JawOpen": 0.5, "MouthClose": 0.5},
    "smile": {"MouthSmile": 0.8, "MouthUpperUp": 0.55, "MouthLowerDown": 0.3, "CheekSquint": 0.6, "JawOpen": 0.05},
    "smile AA": {"MouthSmile": 0.6, "JawOpen": 0.4, "MouthLowerDown": 0.2},
}
EYE_STATES: dict[str, dict[str, float]] = {
    "rest": {},
    "blink 0.33": {"EyeBlink": 0.33},
    "blink 0.66": {"EyeBlink": 0.66},
    "blink": {"EyeBlink": 1.0},
    "left": {"EyeLookOutLeft": 0.8, "EyeLookInRight": 0.8},
    "right": {"EyeLookInLeft": 0.8, "EyeLookOutRight": 0.8},
    "down": {"EyeLookDown": 0.8},
    "up": {"EyeLookUp": 0.8},
    "wide": {"EyeWide": 1.0, "BrowInnerUp": 0.6, "BrowOuterUp": 0.6},
    "squint": {"EyeSquint": 1.0, "CheekSquint": 0.7},
    "frown": {"BrowDown": 1.0, "NoseSneer": 0.5},
    "wink": {"EyeBlinkLeft": 1.0},
}
BLINK = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0)
GAZE = (-1.0, -0.5, 0.0, 0.5, 1.0)
LAMPS: dict[str, tuple[float, float, float]] = {
    "front": (0, 0, -1), "left": (-1, 0, -0.35), "right": (1, 0, -0.35), "above": (0, -1, -0.35),
    "below": (0, 1, -0.35), "left, above": (-0.7, -0.6, -0.5), "right, above": (0.7, -0.6, -0.5),
    "behind": (0.8, -0.5, 0.3),
}  # fmt: skip
MOUTHS = ("rest", "M", "AA", "EH", "IY", "OW", "UW", "F", "shout", "closed jaw", "smile", "smile AA")
TALK = ("EH", "L", "OW", "rest", "L", "AA", "IY", "S", "UW", "M", "IY", "UW", "rest", "AA", "M", "F", "EH", "TH")


def main(arguments: list[str]) -> int:
    """Write all sheets of all avatars; returns 0."""
    parser = argparse.ArgumentParser(description="Draw contact sheets of avatars.")
    parser.add_argument("avatars", nargs="+", type=Path, help="avatar files")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the pictures")
    parser.add_argument("--model", type=Path, default=model_path())
    parser.add_argument("--only", nargs="*", choices=sorted(SHEETS), help="sheets to draw (default: all)")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    renderer = OpenVinoRenderer(options.model.read_bytes())
    for path in options.avatars:
        avatar = load_avatar(path)
        for name in options.only or SHEETS:
            target = options.out / f"{path.stem}_{name}.png"
            cv2.imwrite(str(target), SHEETS[name](renderer, avatar)[..., ::-1])
            print(target)
    return 0


def expressions(renderer: OpenVinoRenderer, avatar: Mapping[str, np.ndarray]) -> np.ndarray:
    """Every curve at 1."""
    states = {name: curve_vector({name: 1.0}) for name in CURVE_NAMES if not name.startswith("EyeLook")}
    states["TongueOut"] = curve_vector({"TongueOut": 1.0, "JawOpen": 0.35})
    return _sheet(renderer.frames(avatar, np.stack(list(states.values()))), states, FACE, 8, 0.6)


def visemes(renderer: OpenVinoRenderer, avatar: Mapping[str, np.ndarray]) -> np.ndarray:
    """The mouth in `VISEMES`."""
    curves = np.stack([curve_vector(weights) for weights in VISEMES.values()])
    return _sheet(renderer.frames(avatar, curves), VISEMES, Rect(144, 240, 224, 200), 8, 1.0)


def eyes(renderer: OpenVinoRenderer, avatar: Mapping[str, np.ndarray]) -> np.ndarray:
    """The eyes in `EYE_STATES`."""
    curves = np.stack([curve_vector(weights) for weights in EYE_STATES.values()])
    return _sheet(renderer.frames(avatar, curves), EYE_STATES, EYES, 4, 1.6)


def poses(renderer: OpenVinoRenderer, avatar: Mapping[str, np.ndarray]) -> np.ndarray:
    """The turned head, one row per axis."""
    angles = (-20, -15, -8, 8, 15, 20)
    pose = np.zeros((18, 6), np.float32)
    labels = []
    for axis, name in enumerate(("yaw", "pitch", "roll")):
        for index, angle in enumerate(angles):
            pose[axis * 6 + index, axis] = angle
            labels.append(f"{name} {angle}")
    return _sheet(renderer.frames(avatar, np.zeros((18, 52)), pose), labels, WHOLE, 6, 0.55)


def mouths(renderer: OpenVinoRenderer, avatar: Mapping[str, np.ndarray]) -> np.ndarray:
    """The mouth at twice the size of the frame."""
    curves = np.stack([curve_vector(VISEMES[name]) for name in MOUTHS])
    return _sheet(renderer.frames(avatar, curves), list(MOUTHS), Rect(160, 270, 192, 176), 4, 2.0)


def blinks(renderer: OpenVinoRenderer, avatar: Mapping[str, np.ndarray]) -> np.ndarray:
    """The lids on their way down, at twice the size of the frame."""
    curves = np.stack([curve_vector({"EyeBlink": level}) for level in BLINK])
    labels = [f"blink {level:g}" for level in BLINK]
    return _sheet(renderer.frames(avatar, curves), labels, Rect(152, 176, 208, 88), 4, 2.0)


def gaze(renderer: OpenVinoRenderer, avatar: Mapping[str, np.ndarray]) -> np.ndarray:
    """Both eyes in five directions across and five along, at twice the size of the frame."""
    states, labels = [], []
    for down in GAZE:
        for right in GAZE:
            across = {"EyeLookOutLeft": right, "EyeLookInRight": right}
            if right < 0:
                across = {"EyeLookInLeft": -right, "EyeLookOutRight": -right}
            along = {"EyeLookDown": down} if down > 0 else {"EyeLookUp": -down}
            states.append(curve_vector(across | along))
            labels.append(f"{right:g} {down:g}")
    return _sheet(renderer.frames(avatar, np.stack(states)), labels, Rect(152, 176, 208, 88), 5, 1.5)


def light(renderer: OpenVinoRenderer, avatar: Mapping[str, np.ndarray]) -> np.ndarray:
    """The photo's own light, a white lamp from each side, and a warm one."""
    rows, labels = [PHOTO_LIGHT], ["photo"]
    for name, direction in LAMPS.items():
        rows.append((*(np.array(direction) / np.linalg.norm(direction)), 1.0, 1.0, 1.0, 1.0))
        labels.append(name)
    rows.append((-0.6, -0.5, -0.62, 1.0, 1.0, 0.72, 0.45))
    labels.append("warm")
    frames = renderer.frames(avatar, np.zeros((len(rows), 52)), None, np.array(rows, np.float32))
    return _sheet(frames, labels, WHOLE, 5, 0.6)


def talking(renderer: OpenVinoRenderer, avatar: Mapping[str, np.ndarray]) -> np.ndarray:
    """A sentence's shapes with the transitions between them, and a moving head."""
    targets = np.stack([curve_vector(VISEMES[name]) for name in TALK])
    between = (targets + np.roll(targets, -1, 0)) / 2
    curves = np.stack([targets, between], 1).reshape(-1, 52)
    time = np.arange(len(curves)) / len(curves) * 2 * np.pi
    swing = [8 * np.sin(time), 4 * np.sin(2 * time + 1), 4 * np.sin(time + 2), 0 * time, 0 * time, 0 * time]
    labels = [name for target in TALK for name in (target, "")]
    return _sheet(renderer.frames(avatar, curves, np.stack(swing, 1)), labels, FACE, 9, 0.65)


def backgrounds(renderer: OpenVinoRenderer, avatar: Mapping[str, np.ndarray]) -> np.ndarray:
    """The portrait on plain colours, still and turned."""
    pose = np.array([[0.0] * 6, [14.0, 5.0, 4.0, 0, 0, 0]], np.float32)
    frames, labels = [], []
    for name, colour in (("green", (0, 200, 0)), ("white", (255, 255, 255)), ("black", (0, 0, 0)), ("own", None)):
        scene = dict(avatar)
        if colour is not None:
            scene["background"] = np.broadcast_to(np.uint8(colour), (512, 512, 3)).copy()
        frames.append(renderer.frames(scene, np.zeros((2, 52)), pose))
        labels += [name, f"{name} turned"]
    return _sheet(np.concatenate(frames), labels, WHOLE, 4, 0.8)


def _sheet(
    frames: np.ndarray, labels: Mapping[str, object] | list[str], rect: Rect, columns: int, scale: float
) -> np.ndarray:
    """Labelled tiles, uint8 RGB."""
    tiles = []
    for frame, label in zip(frames, labels, strict=True):
        tile = frame[rect.slices()]
        mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        tile = np.ascontiguousarray(cv2.resize(tile, None, fx=scale, fy=scale, interpolation=mode))
        for colour, width in (((0, 0, 0), 3), ((255, 255, 0), 1)):
            cv2.putText(tile, label, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, width, cv2.LINE_AA)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)])


Sheet = Callable[[OpenVinoRenderer, Mapping[str, np.ndarray]], np.ndarray]
SHEETS: dict[str, Sheet] = {
    "expressions": expressions, "visemes": visemes, "mouths": mouths, "eyes": eyes, "blinks": blinks, "gaze": gaze,
    "poses": poses, "light": light, "talking": talking, "backgrounds": backgrounds,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
