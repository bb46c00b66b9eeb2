"""Finding faces with the real networks, run in this process."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

from tests.fakes import hard_photos
from tests.fakes.onnx_face_models import OnnxFaceModels
from visage.identity.alignment import aligned_face, similarity
from visage.identity.embedding import compare, embed_faces
from visage.identity.gate import GateLimits, check_face, head_angles, single_face
from visage.media.canonical_face import FACE_OVAL
from visage.runtime.errors import FaceNotUsable
from visage.runtime.face_crops import Square, Tile, cut, landmark_square, letterbox, transform
from visage.runtime.faces import Face, find_faces

pytestmark = pytest.mark.unit

Picture = npt.NDArray[np.uint8]
LIMITS = GateLimits()
FACE_BOX = (178, 68, 93, 110)
"""x, y, width and height of the portrait's face, by eye."""


@pytest.fixture(scope="module")
def models() -> OnnxFaceModels:
    """The five networks, opened once."""
    return OnnxFaceModels()


async def cause_of(image: Picture, models: OnnxFaceModels) -> str:
    """What the gate holds against a picture; empty if nothing."""
    try:
        face = single_face(await find_faces(image, models, 10), LIMITS)
        check_face(face, image.shape[1], image.shape[0], LIMITS)
    except FaceNotUsable as error:
        return error.cause
    return ""


def scaled(image: Picture, factor: float) -> Picture:
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def beside(left: Picture, right: Picture) -> Picture:
    """Two pictures side by side on grey."""
    canvas = np.full((max(len(left), len(right)), left.shape[1] + right.shape[1], 3), 127, np.uint8)
    canvas[: len(left), : left.shape[1]] = left
    canvas[: len(right), left.shape[1] :] = right
    return canvas


async def test_portrait(astronaut: Picture, models: OnnxFaceModels) -> None:
    """One face is found in the portrait, where it is, with certainty."""
    (face,) = await find_faces(astronaut, models, 10)

    assert face.landmarks.shape == (478, 3)
    assert np.allclose(face.box, FACE_BOX, atol=8)
    assert face.confidence > 0.9


async def test_landmarks_follow_the_picture(astronaut: Picture, models: OnnxFaceModels) -> None:
    """Moving, enlarging and turning a picture moves the landmarks with it, to 3 % of the face's width."""
    (face,) = await find_faces(astronaut, models, 10)
    matrix = np.vstack([cv2.getRotationMatrix2D((224, 120), 20, 1.7), [0, 0, 1]])[:2]
    changed = cv2.warpAffine(astronaut, matrix, (700, 600), borderMode=cv2.BORDER_REPLICATE)
    (moved,) = await find_faces(np.asarray(changed, np.uint8), models, 10)

    expected = transform(matrix, face.landmarks[:, :2])
    distances = np.linalg.norm(moved.landmarks[:, :2] - expected, axis=1)
    assert distances.mean() < 0.03 * moved.width_px


@pytest.mark.parametrize("degrees", [-30, 45, 90, 120, 180, 225, 270])
async def test_photo_held_any_way(degrees: float, astronaut: Picture, models: OnnxFaceModels) -> None:
    """A face is found as it is held, also sideways and upside down, with its points in their places."""
    (upright,) = await find_faces(astronaut, models, 10)
    (face,) = await find_faces(hard_photos.turned(degrees), models, 10)
    matrix = cv2.getRotationMatrix2D((224, 120), degrees, 1.0)
    matrix[:, 2] += (32, 136)
    expected = transform(matrix, upright.landmarks[:, :2])

    assert np.linalg.norm(face.landmarks[:, :2] - expected, axis=1).mean() < 0.04 * upright.width_px
    assert math.cos(math.radians(head_angles(face).roll_degrees + degrees - 3)) > 0.99


async def test_small_sideways_face_in_a_large_picture(astronaut: Picture, models: OnnxFaceModels) -> None:
    """A face too small for the detector at first sight is found at the second though the picture lies on its side."""
    canvas = np.full((3500, 2600, 3), 127, np.uint8)
    canvas[2500:3012, 1700:2212] = np.rot90(astronaut)
    (face,) = await find_faces(canvas, models, 10)

    assert head_angles(face).roll_degrees == pytest.approx(-87, abs=8)


async def test_largest_first(astronaut: Picture, models: OnnxFaceModels) -> None:
    """Faces come in the order of their width, each where it is."""
    image = beside(scaled(astronaut, 0.6), astronaut[:, ::-1])
    faces = await find_faces(image, models, 10)

    assert len(faces) == 2
    assert faces[0].width_px > 1.4 * faces[1].width_px
    assert faces[0].box[0] > 307 > faces[1].box[0]


async def test_small_face_in_a_large_picture(astronaut: Picture, models: OnnxFaceModels) -> None:
    """A face too small for the detector at first sight is found at the second."""
    canvas = np.full((3500, 2600, 3), 127, np.uint8)
    canvas[2500:3012, 1700:2212] = astronaut
    (face,) = await find_faces(canvas, models, 10)

    assert np.allclose(face.box, (1878, 2568, 93, 110), atol=8)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (7, 5)], ids=["pixel", "line", "column", "handful"])
async def test_degenerate_pictures(shape: tuple[int, int], models: OnnxFaceModels) -> None:
    """Pictures too small to show anything show no face."""
    assert await find_faces(np.zeros((*shape, 3), np.uint8), models, 10) == []


@pytest.mark.parametrize("name", ["coffee", "rocket", "cat"])
async def test_no_face(name: str, models: OnnxFaceModels) -> None:
    """Pictures of things and animals are refused for want of a face."""
    assert await cause_of(getattr(skimage.data, name)(), models) == "no_face"


async def test_usable_portrait(astronaut: Picture, models: OnnxFaceModels) -> None:
    """The portrait passes the gate, darkened and blurred as well."""
    assert await cause_of(astronaut, models) == ""
    assert await cause_of((astronaut * 0.3).astype(np.uint8), models) == ""
    assert await cause_of(np.asarray(cv2.GaussianBlur(astronaut, (0, 0), 2), np.uint8), models) == ""


async def test_fixture_photos(shared_fixtures: Path, models: OnnxFaceModels) -> None:
    """All test photos pass the gate, one of them turned by 34 degrees."""
    photos = sorted((shared_fixtures / "photos").glob("*.jpg"))
    causes = {
        photo.name: await cause_of(np.asarray(cv2.imread(str(photo))[..., ::-1], np.uint8), models) for photo in photos
    }

    assert len(causes) == 5
    assert set(causes.values()) == {""}


@pytest.mark.parametrize("factor", [0.15, 0.4, 0.8])
async def test_too_small(astronaut: Picture, models: OnnxFaceModels, factor: float) -> None:
    """A face of less than 80 pixels is refused for its size."""
    assert await cause_of(scaled(astronaut, factor), models) == "too_small"


@pytest.mark.parametrize("factor", [1.0, 0.8, 0.6])
async def test_several_faces(astronaut: Picture, models: OnnxFaceModels, factor: float) -> None:
    """A second face of comparable size is refused."""
    assert await cause_of(beside(astronaut, scaled(astronaut[:, ::-1], factor)), models) == "several_faces"


@pytest.mark.parametrize("factor", [0.4, 0.2])
async def test_background_face(astronaut: Picture, models: OnnxFaceModels, factor: float) -> None:
    """A small second face is not."""
    assert await cause_of(beside(astronaut, scaled(astronaut, factor)), models) == ""


@pytest.mark.parametrize(
    "part",
    [np.s_[:, 190:], np.s_[:, :250], np.s_[90:], np.s_[:160]],
    ids=["left", "right", "top", "bottom"],
)
async def test_cut_off(astronaut: Picture, models: OnnxFaceModels, part: tuple[slice, ...]) -> None:
    """A face that the picture's border cuts is refused, on each side."""
    assert await cause_of(np.ascontiguousarray(astronaut[part]), models) == "cut_off"


async def test_turned_too_far(models: OnnxFaceModels) -> None:
    """A head in profile is refused: the photographer of a well-known test picture."""
    image = np.repeat(skimage.data.camera()[..., None], 3, axis=2)
    large = np.asarray(cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)

    assert await cause_of(large, models) == "turned_too_far"


async def test_embeddings(astronaut: Picture, models: OnnxFaceModels) -> None:
    """Pictures of one person, however they were changed, are told from those of two."""
    half = scaled(astronaut, 0.5)
    other = np.repeat(skimage.data.camera()[..., None], 3, axis=2)
    embeddings = []
    for image in (astronaut, np.ascontiguousarray(half[:, ::-1]), (astronaut * 0.5).astype(np.uint8), other):
        faces = await find_faces(image, models, 10)
        embeddings += await embed_faces(image, faces[:1], models, 10)

    assert all(np.linalg.norm(item.values) == pytest.approx(1, abs=1e-5) for item in embeddings)
    assert compare(embeddings[0], embeddings[1]).same_person
    assert compare(embeddings[0], embeddings[2]).same_person
    assert not compare(embeddings[0], embeddings[3]).same_person


def test_similarity_is_exact() -> None:
    """A similarity is recovered from points that obey it."""
    points = np.random.default_rng(1).normal(size=(5, 2))
    matrix = np.array([[1.2, -0.5, 3.0], [0.5, 1.2, -7.0]])

    assert np.allclose(similarity(points, transform(matrix, points)), matrix)


@pytest.mark.parametrize("side", [96.0, 700.0, 5000.0])
def test_crop_is_centred(side: float) -> None:
    """A crop shows its square, whatever the scale: a gradient comes back as its places say."""
    rows, columns = np.mgrid[0:600, 0:600]
    image = np.stack([columns / 3, rows / 3, np.zeros_like(rows)], axis=-1).astype(np.uint8)
    square = Square(300, 300, side, angle=0.3)
    crop = cut(image, square.to_picture(64), 64, repeat_border=True).astype(float)
    places = transform(square.to_picture(64), np.stack(np.meshgrid(np.arange(64), np.arange(64)), -1).astype(float))
    inside = (np.abs(places - 300) < 280).all(axis=-1)

    assert inside.any()
    assert np.abs(crop[..., :2] - np.clip(places, 0, 599) / 3)[inside].max() < 0.75 + side / 64 / 3


@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_letterbox_shows_what_its_square_does(quarter: int, astronaut: Picture) -> None:
    """A letterboxed part of a picture, held any way, is the crop of the square that comes with it."""
    ((picture, square),) = letterbox(astronaut, Tile(100, 20, 300, 260), 96, [quarter])
    expected = cut(astronaut, square.to_picture(96), 96, repeat_border=False).astype(int)
    inside = np.s_[12:84, 12:84]

    assert np.abs(picture[inside].astype(int) - expected[inside]).mean() < 3


def test_crop_beyond_the_picture() -> None:
    """A crop that lies wholly beyond the picture is black, or shows the nearest border."""
    image = np.full((50, 50, 3), 200, np.uint8)
    matrix = Square(5000, 5000, 800).to_picture(64)

    assert cut(image, matrix, 64, repeat_border=False).max() == 0
    assert cut(image, matrix, 64, repeat_border=True).min() == 200


def test_landmark_square_is_upright_for_the_eyes() -> None:
    """The landmark region turns with the line from eye to eye and holds all points."""
    points = np.zeros((478, 3))
    points[33], points[263] = (100, 100, 0), (200, 200, 0)
    points[:33] = points[34:263] = points[264:] = (150, 150, 0)
    square = landmark_square(points)

    assert (square.x, square.y, square.side) == (150, 150, 150)
    assert np.degrees(square.angle) == pytest.approx(45)


def test_aligned_face_places_the_eyes(astronaut: Picture) -> None:
    """The aligned face has the size that the embedder takes, with the face in its middle."""
    points = np.zeros((478, 3))
    points[[263, 362, 33, 133, 2], :2] = [(255, 110), (235, 111), (188, 110), (209, 111), (222, 145)]
    crop = aligned_face(astronaut, points)

    assert crop.shape == (150, 150, 3)
    assert crop.std() > 20


def test_box_and_width() -> None:
    """A face's box is that of its landmarks; its width counts depth."""
    points = np.zeros((478, 3))
    points[list(FACE_OVAL), :2] = [10, 20]
    points[234], points[454] = (10, 20, 0), (40, 20, 40)
    face = Face(points, 0.5)

    assert face.width_px == 50
    assert face.box == (0, 0, 40, 20)
