"""Where libflite is absent, the service says so and goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from visage.runtime.debian_install import NotInstallable
from visage.speech.engines import flite_install
from visage.speech.engines.flite import FliteEngine
from visage.speech.engines.framing import Message
from visage.speech.engines.worker_pool import WorkerPool

pytestmark = pytest.mark.unit


class PoolWithoutLibrary(WorkerPool):
    """A pool whose processes greet with the reason why they cannot work."""

    async def greet(self) -> Message:
        return {"missing": "libflite.so.1: cannot open shared object file"}


def test_the_folder_of_an_installation_is_found(tmp_path: Path) -> None:
    """The libraries are found wherever the packages put them below the cache; an empty cache has none."""
    library = tmp_path / "flite" / "usr" / "lib" / "some-machine" / flite_install.LIBRARY
    before = flite_install.installed_folder(tmp_path)
    library.parent.mkdir(parents=True)
    library.touch()

    assert before is None
    assert flite_install.installed_folder(tmp_path) == library.parent


def test_without_apt_nothing_can_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the tool that is missing and the package to install by hand; nothing is left behind."""
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(NotInstallable, match=r"apt-get .* libflite1"):
        flite_install.FLITE.install(tmp_path, ignore_system=True)

    assert [path.name for path in tmp_path.iterdir()] == ["flite.lock"]


def test_a_failed_installation_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says that the voices are not available, and why, and does not fail the set-up."""
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    monkeypatch.setenv("VISAGE_CACHE_DIR", str(tmp_path))
    flite_install.main(["--ignore-system"])

    assert capsys.readouterr().out.startswith("flite voices are not available: apt-get is not here")


async def test_an_absent_library_means_no_voices(caplog: pytest.LogCaptureFixture) -> None:
    """The engine opens with no voices and logs the cause and the remedy."""
    engine = FliteEngine(1, 1.0, None)
    engine.pool = PoolWithoutLibrary("flite", "absent", 1, 1.0)
    voices = await engine.open()

    assert voices == []
    assert "visage.speech.engines.flite_install" in caplog.text
