"""What goes into images: pinned packages, verified models, bills of materials."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from k8s.images import bill_of_materials, closure, model_sums, requirements

pytestmark = pytest.mark.contract

ROOT = closure.PROJECT.parent
CONSTRAINTS = (ROOT / requirements.CONSTRAINTS).read_text()

# Lets a process import only what some distributions bring, beside the standard library and our own sources.
RESTRICTED = """
import sys
from importlib import abc, import_module, metadata
allowed = set(sys.argv[2].split(","))
brought = {name for name, owners in metadata.packages_distributions().items()
           if not {owner.lower().replace("_", "-").replace(".", "-") for owner in owners} & allowed}
class Wall(abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in brought - {"visage"}:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)
sys.meta_path.insert(0, Wall())
import_module(sys.argv[1])
"""


@pytest.mark.parametrize("service", closure.SERVICES)
def test_listed_packages_are_what_the_service_needs(service: str) -> None:
    """packages.toml names exactly the transitive needs of pyproject.toml's extra: nothing is missing, nothing extra."""
    assert set(requirements.packages(service)) == closure.closure(closure.declared(service))


def test_the_embedded_triton_needs_what_all_need() -> None:
    """Its image has the common packages only."""
    assert set(requirements.packages("triton")) == closure.closure(closure.declared(None))


@pytest.mark.parametrize(
    ("module", "image"),
    [
        *((f"visage.{service}.__main__", service) for service in closure.SERVICES),
        ("visage.runtime.triton.local", "triton"),
    ],
)
def test_a_process_starts_with_its_image_packages_alone(module: str, image: str) -> None:
    """Everything that the process imports at its start is in its image."""
    allowed = ",".join(requirements.packages(image))
    command = [sys.executable, "-c", RESTRICTED, module, allowed]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert outcome.returncode == 0, outcome.stderr


def test_the_wall_of_that_test_stops_what_is_not_listed() -> None:
    """A package that is left out of the list is missing: the test above can fail."""
    allowed = ",".join(set(requirements.packages("composition")) - {"av"})
    command = [sys.executable, "-c", RESTRICTED, "visage.composition.__main__", allowed]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert "av is not in the image" in outcome.stderr


@pytest.mark.parametrize("image", [*closure.SERVICES, "triton", "build"])
def test_every_requirement_is_pinned_and_hashed(image: str) -> None:
    """What pip gets for an image has one version and hashes for each package."""
    text = requirements.requirements(image, CONSTRAINTS)
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]

    assert len(entries) == len(requirements.packages(image))
    assert all(re.match(r"[A-Za-z0-9._-]+==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", entry) for entry in entries)


@pytest.mark.parametrize("name", ["common", "animator"])
def test_what_is_no_image_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The build stops with one line that names it."""
    status = requirements.main([name])

    assert status == 1
    assert f"'{name}' is no image" in capsys.readouterr().err


def repository(root: Path) -> None:
    """Writes a repository with one model, and its manifest."""
    version = root / "model_repository" / "nose" / "1"
    version.mkdir(parents=True)
    (version / "model.onnx").write_bytes(b"weights")
    (version.parent / "config.pbtxt").write_text('name: "nose"\n')
    (root / "models").mkdir()
    digest = hashlib.sha256(b"weights").hexdigest()
    (root / "models" / "manifest.toml").write_text(f'[nose]\nsha256 = "{digest}"\n')


def test_sums_cover_every_file_and_sha256sum_reads_them(tmp_path: Path) -> None:
    """The volume's sums are what the init container checks; a changed file fails it."""
    repository(tmp_path)
    status = model_sums.main([str(tmp_path)])
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    whole = subprocess.run(check, cwd=tmp_path, capture_output=True, check=False)
    (tmp_path / "model_repository" / "nose" / "config.pbtxt").write_text("changed")
    damaged = subprocess.run(check, cwd=tmp_path, capture_output=True, check=False)

    assert status == 0
    assert whole.returncode == 0
    assert damaged.returncode == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [("model_repository/nose/1/model.onnx", "nose: model.onnx is not the file"), ("models/manifest.toml", "nose")],
)
def test_a_model_that_is_not_the_manifests_stops_the_build(
    path: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of other weights, and a model that the manifest lacks, are named."""
    repository(tmp_path)
    (tmp_path / path).write_text("")
    status = model_sums.main([str(tmp_path)])

    assert status == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "SHA256SUMS").exists()


def test_the_committed_models_have_sums() -> None:
    """The real repository agrees with its manifest."""
    lines = model_sums.sums(ROOT).splitlines()

    assert len(lines) == sum(path.is_file() for path in (ROOT / "model_repository").rglob("*"))


def test_bills_list_the_pinned_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each image has a CycloneDX bill with its packages, their versions and what needs what."""
    monkeypatch.chdir(ROOT)
    bill_of_materials.main([str(tmp_path)])
    bill = json.loads((tmp_path / "speech.cdx.json").read_text())
    versions = {item["name"]: item["version"] for item in bill["components"]}
    needs = {item["ref"]: item.get("dependsOn", []) for item in bill["dependencies"]}

    assert versions.keys() == set(requirements.packages("speech"))
    assert versions["soundfile"] == metadata.version("soundfile")
    assert f"cffi@{versions['cffi']}" in needs[f"soundfile@{versions['soundfile']}"]
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.cdx.json" for name in bill_of_materials.IMAGES}


DOCKERFILES = (ROOT / "services" / "Dockerfile", ROOT / "k8s" / "images" / "models.Dockerfile")
PINNED_BASE = re.compile(r"^ARG PYTHON_IMAGE=python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}$", re.MULTILINE)


def test_bases_are_pinned_and_the_same() -> None:
    """Every image starts from one digest, or from nothing."""
    texts = [path.read_text() for path in DOCKERFILES]
    bases = {line.split()[1] for text in texts for line in text.splitlines() if line.startswith("FROM ")}

    assert bases == {"${PYTHON_IMAGE}", "build", "runtime", "scratch"}
    assert len({match for text in texts for match in PINNED_BASE.findall(text)}) == 1


def test_what_is_copied_is_in_the_build_context() -> None:
    """.dockerignore lets through what the Dockerfiles copy from the repository."""
    allowed = [line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"]
    sources = {
        source
        for path in DOCKERFILES
        for line in path.read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }

    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert any(source == entry or source.startswith(f"{entry}/") for entry in allowed), source


def test_what_runs_is_not_root() -> None:
    """Both stages that end in an image with a process hand over to uid 1000 before their entry point."""
    stages = (ROOT / "services" / "Dockerfile").read_text().split("\nFROM ")
    running = [stage for stage in stages if "ENTRYPOINT" in stage]

    assert len(running) == 2
    assert all(stage.index("USER 1000:1000") < stage.index("ENTRYPOINT") for stage in running)
