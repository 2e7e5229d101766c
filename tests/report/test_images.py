"""The figures as PNG files: where a browser is, and where none is."""

from __future__ import annotations

import shutil
import struct

import pytest
from command_line import call

from search.core.errors import UserError
from search.report.images import SCALE, WIDTH, write_images

needs_browser = pytest.mark.skipif(
    shutil.which("chromium") is None and shutil.which("google-chrome") is None, reason="no browser on the PATH"
)


@pytest.mark.slow
@needs_browser
def test_every_figure_becomes_a_png_of_the_promised_width(study, storage, tmp_path):
    done = call(
        "report", "small", "--storage", storage, "-o", tmp_path / "page.html", "--png", tmp_path / "deep" / "er"
    )
    assert done.code == 0, done.err
    for name in study.figures:
        head = (tmp_path / "deep" / "er" / f"{name}.png").read_bytes()[:24]
        assert head[1:4] == b"PNG"
        assert struct.unpack(">I", head[16:20]) == (WIDTH * SCALE,)


def test_a_missing_browser_is_one_line(study, tmp_path, monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="--png: a browser draws the images, and none was found"):
        write_images({"losses": study.figures["losses"]}, tmp_path / "images")


def test_a_folder_that_cannot_be_is_named(study, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"--png: .*file.* cannot be written"):
        write_images({"losses": study.figures["losses"]}, tmp_path / "file" / "images")
