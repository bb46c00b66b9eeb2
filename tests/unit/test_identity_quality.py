"""The quality report: hard photos are refused or warned of for the right reason, and scores follow their measures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.fakes import hard_photos as hard
from tests.fakes.onnx_face_models import OnnxFaceModels
from tests.fakes.portraits import astronaut_photo
from visage.identity.avatar import frame_portrait
from visage.identity.gate import GateLimits, check_face, single_face
from visage.identity.messages import report_message
from visage.identity.quality import Evidence, PhotoReport, QualityLimits, judge, landmark_spread_mm, measure
from visage.identity.quality.bands import Band, bands
from visage.identity.quality.measure import Measures
from visage.identity.quality.report import Reason
from visage.identity.settings import IdentitySettings
from visage.runtime.errors import FaceNotUsable
from visage.runtime.faces import find_faces
from visage.v1 import identity_service_pb2 as pb

pytestmark = pytest.mark.unit

Picture = npt.NDArray[np.uint8]
GATE, LIMITS = GateLimits(), QualityLimits()
BANDS = bands(GATE, LIMITS)


@pytest.fixture(scope="module")
def models() -> OnnxFaceModels:
    """The five networks, opened once."""
    return OnnxFaceModels()


async def measured(image: Picture, models: OnnxFaceModels) -> Measures:
    face = single_face(await find_faces(image, models, 10), GATE)
    check_face(face, image.shape[1], image.shape[0], GATE)
    framed = frame_portrait(image, face.landmarks)
    segmentation = await models.segment(framed.matte_input(), 10)
    spread_mm = await landmark_spread_mm(image, face, models, 10)
    return measure(Evidence(face, 1.0, framed, spread_mm, segmentation))


async def report_of(image: Picture, models: OnnxFaceModels) -> PhotoReport:
    return judge(await measured(image, models), GATE, LIMITS)


def reasons(report: PhotoReport) -> set[str]:
    parts = (getattr(report, name) for name in PhotoReport.model_fields if name != "score")
    return {finding.reason for part in parts for finding in part.findings}


async def refusal_of(image: Picture, models: OnnxFaceModels) -> FaceNotUsable:
    with pytest.raises(FaceNotUsable) as caught:
        await report_of(image, models)
    return caught.value


@pytest.mark.parametrize(
    ("make", "cause", "measures"),
    [
        (lambda: hard.blurred(4), "too_blurred", {"blur_mm"}),
        (lambda: hard.shaken(29), "too_blurred", {"blur_mm"}),
        (lambda: hard.exposed(0.085), "too_dark", {"skin_level"}),
        (lambda: hard.foggy(0.08), "too_flat", {"contrast"}),
        (lambda: hard.sized(70), "too_small", {"face_width_px"}),
        (lambda: hard.with_sunglasses(), "eyes_hidden", {"eye_detail"}),
        (lambda: hard.with_sunglasses((70, 45, 30)), "eyes_hidden", {"eye_detail"}),
        (lambda: hard.with_fringe(), "eyes_hidden", {"eye_spread_mm"}),
        (lambda: hard.with_hand(178, 140, 50), "eyes_hidden", {"eye_detail", "eye_spread_mm"}),
        (lambda: hard.with_hand(198, 200, 62), "mouth_hidden", {"lip_contrast", "mouth_spread_mm"}),
        (lambda: hard.with_mask((150, 190, 215)), "mouth_hidden", {"lip_contrast", "mouth_spread_mm"}),
        (lambda: hard.with_mask((235, 235, 232)), "mouth_hidden", {"lip_contrast", "mouth_spread_mm"}),
        (lambda: hard.with_mask((25, 25, 28)), "mouth_hidden", {"lip_contrast", "mouth_spread_mm"}),
        (hard.line_drawing, "too_bright", {"burnt_share"}),
    ],
    ids=["blurred", "shaken", "dark", "fog", "small", "black glasses", "brown glasses", "fringe", "hand on eye",
         "hand on mouth", "blue mask", "white mask", "black mask", "line drawing"],
)  # fmt: skip
async def test_refused(make: Callable[[], Picture], cause: str, measures: set[str], models: OnnxFaceModels) -> None:
    """What no avatar can be made of is refused, with the measure that decided, its value and its limit."""
    error = await refusal_of(make(), models)

    assert error.cause == cause
    assert error.metadata["measure"] in measures
    assert error.metadata["score"] == "0"
    assert float(error.metadata["limit"]) > 0
    assert float(error.metadata["value"]) != pytest.approx(float(error.metadata["limit"]), rel=0.01)


@pytest.mark.parametrize("make", [hard.smiley, lambda: hard.exposed(2.6)], ids=["smiley", "white"])
async def test_no_face_in_it(make: Callable[[], Picture], models: OnnxFaceModels) -> None:
    """Where landmarks find nothing to hold on to, there is no face."""
    assert (await refusal_of(make(), models)).cause == "no_face"


@pytest.mark.parametrize(
    ("make", "expected", "unexpected"),
    [
        (astronaut_photo, {"LOW_RESOLUTION", "SMILE", "MOUTH_OPEN"}, {"BLURRED", "SHADOW", "EYES_HIDDEN"}),
        (lambda: hard.sized(300), {"SMILE"}, {"LOW_RESOLUTION"}),
        (lambda: hard.blurred(2), {"BLURRED"}, {"EYES_HIDDEN"}),
        (lambda: hard.exposed(0.2), {"TOO_DARK"}, {"EYES_HIDDEN", "MOUTH_HIDDEN"}),
        (lambda: hard.foggy(0.15), {"LOW_CONTRAST"}, {"EYES_HIDDEN", "MOUTH_HIDDEN"}),
        (lambda: hard.side_lit(0.75), {"SIDE_LIGHT"}, {"PARTLY_HIDDEN", "MOUTH_HIDDEN"}),
        (lambda: hard.shadow_across(0.7), {"SHADOW"}, {"PARTLY_HIDDEN", "MOUTH_HIDDEN", "EYES_HIDDEN"}),
        (hard.toned, set(), {"PARTLY_HIDDEN", "MOUTH_HIDDEN", "EYES_HIDDEN"}),
        (lambda: hard.toned((1, 0.85, 0.65)), set(), {"PARTLY_HIDDEN", "MOUTH_HIDDEN", "EYES_HIDDEN"}),
        (hard.with_glasses, set(), {"EYES_HIDDEN", "PARTLY_HIDDEN"}),
        (hard.with_beard, set(), {"MOUTH_HIDDEN"}),
        (hard.with_hat, {"BORDER_UNCERTAIN"}, {"EYES_HIDDEN"}),
        (hard.cartoon, set(), {"EYES_HIDDEN", "MOUTH_HIDDEN", "LANDMARKS_UNSURE"}),
    ],
    ids=["plain", "large", "soft", "dim", "fog", "side light", "shadow", "grey", "sepia", "glasses", "beard", "hat",
         "cartoon"],
)  # fmt: skip
async def test_accepted(
    make: Callable[[], Picture], expected: set[str], unexpected: set[str], models: OnnxFaceModels
) -> None:
    """What an avatar can be made of passes, with warnings of what is wrong with it and of nothing else."""
    found = reasons(await report_of(make(), models))

    assert expected <= found
    assert not unexpected & found


@pytest.mark.parametrize(
    ("aspect", "name", "pictures"),
    [
        ("sharpness", "blur_mm", [lambda sigma=sigma: hard.blurred(sigma) for sigma in (0.5, 1.0, 1.5, 2.0, 2.5)]),
        ("sharpness", "blur_mm", [lambda size=size: hard.shaken(size) for size in (1, 5, 9, 13)]),
        ("light", "skin_level", [lambda factor=factor: hard.exposed(factor) for factor in (0.6, 0.4, 0.25, 0.15)]),
        ("light", "burnt_share", [lambda factor=factor: hard.exposed(factor) for factor in (1.0, 1.4, 1.7)]),
        ("light", "contrast", [lambda share=share: hard.foggy(share) for share in (0.3, 0.2, 0.15, 0.1)]),
        ("light", "side_stops", [lambda depth=depth: hard.side_lit(depth) for depth in (0.1, 0.4, 0.6, 0.75)]),
        ("light", "shadow_stops", [lambda depth=depth: hard.shadow_across(depth) for depth in (0.0, 0.3, 0.5, 0.7)]),
        ("resolution", "face_width_px", [lambda width=width: hard.sized(width) for width in (250, 180, 120, 85)]),
    ],
    ids=["blur", "shake", "dark", "bright", "fog", "side light", "shadow", "size"],
)
async def test_scores_fall_with_what_they_measure(
    aspect: str, name: str, pictures: list[Callable[[], Picture]], models: OnnxFaceModels
) -> None:
    """The worse a photo is made in one way, the lower is that measure's score."""
    band = next(band for band in BANDS if (band.aspect, band.measure) == (aspect, name))
    values = [(await measured(make(), models))[aspect][name] for make in pictures]
    scores = [band.score(value) for value in values]

    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1] + 0.1


async def test_landmarks_hold_still_on_a_clear_face_only(models: OnnxFaceModels) -> None:
    """Landmarks stray by about a millimetre on a clear face, and by several where something hides it."""
    clear = (await measured(astronaut_photo(), models))["occlusion"]
    hidden = (await measured(hard.with_mask((150, 190, 215)), models))["occlusion"]

    assert clear["mouth_spread_mm"] < 1.5
    assert hidden["mouth_spread_mm"] > 2 * clear["mouth_spread_mm"]


async def test_every_fixture_photo_passes(shared_fixtures: Path, models: OnnxFaceModels) -> None:
    """Paintings and an old photograph serve, each with the warnings that one sees in it."""
    photos = sorted((shared_fixtures / "photos").glob("*.jpg"))
    found = {
        photo.stem: reasons(await report_of(np.asarray(Image.open(photo).convert("RGB")), models)) for photo in photos
    }

    assert len(found) == 5
    assert "TURNED_SIDEWAYS" in found["s10"]
    assert "SHADOW" in found["s4"]
    assert "LOW_RESOLUTION" in found["s12"]
    assert found["s9"] == set()
    assert not {"EYES_HIDDEN", "MOUTH_HIDDEN", "LANDMARKS_UNSURE"} & set().union(*found.values())


@pytest.mark.parametrize(("video", "frame"), [("d10", 224), ("d18", 96)])
async def test_closed_eyes(video: str, frame: int, shared_fixtures: Path, models: OnnxFaceModels) -> None:
    """A picture taken in a blink is refused: it shows no eyes that an avatar could open."""
    film = cv2.VideoCapture(str(shared_fixtures / "videos" / f"{video}.mp4"))
    for _ in range(frame + 1):
        film.grab()
    picture = np.ascontiguousarray(film.retrieve()[1][..., ::-1], np.uint8)

    assert (await refusal_of(picture, models)).cause == "eyes_closed"


@pytest.mark.parametrize("band", BANDS, ids=lambda band: f"{band.aspect}.{band.measure}")
def test_scales(band: Band) -> None:
    """Each scale gives 1 at best, a half where it warns and 0 where it refuses, for turns either way."""
    assert band.score(band.best) == 1.0
    assert band.score(band.warn) == pytest.approx(0.5)
    assert band.score(band.worst) == band.score(-band.worst) == 0.0
    assert band.finding(band.worst).limit == band.warn


async def test_report_is_whole_on_the_wire(models: OnnxFaceModels) -> None:
    """Every part, measure and reason of the report has its field in the message, and arrives."""
    report = await report_of(astronaut_photo(), models)
    message = report_message(report)

    assert set(PhotoReport.model_fields) == {field.name for field in pb.PhotoReport.DESCRIPTOR.fields}
    for name in set(PhotoReport.model_fields) - {"score"}:
        part, sent = getattr(report, name), getattr(message, name)
        assert set(type(part).model_fields) == {field.name for field in sent.DESCRIPTOR.fields}
        assert [finding.message for finding in sent.findings] == [finding.message for finding in part.findings]
        for measure_name in set(type(part).model_fields) - {"findings"}:
            assert getattr(sent, measure_name) == pytest.approx(getattr(part, measure_name), rel=1e-6)
    assert {f"REASON_{reason}" for reason in Reason} == set(pb.PhotoReport.Reason.keys()) - {"REASON_UNSPECIFIED"}


def test_limits_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each limit can be set from the environment."""
    monkeypatch.setenv("VISAGE_IDENTITY_MOST_BLUR_MM", "9.5")

    limits = IdentitySettings().quality_limits
    assert limits == QualityLimits(most_blur_mm=9.5)
