"""The figures as PNG files, drawn by kaleido in a browser that this machine has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import plotly.graph_objects as go
from plotly import io

from search.core.errors import UserError

WIDTH: Final = 1000  # pixels of the layout; the files have twice as many for sharp lines on paper
SCALE: Final = 2


def write_images(figures: Mapping[str, go.Figure], folder: Path) -> list[Path]:
    """Write every figure as NAME.png into the folder, made where it is missing; returns their paths.

    Raises `UserError` where no browser is found, and where the folder cannot be written.
    """
    paths = [folder / f"{name}.png" for name in figures]
    opaque = [go.Figure(figure).update_layout(paper_bgcolor="white") for figure in figures.values()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".", dir=folder) as drawn:
            parts = [Path(drawn) / path.name for path in paths]
            io.write_images(opaque, [str(part) for part in parts], width=WIDTH, scale=SCALE)
            for part, path in zip(parts, paths, strict=True):
                part.replace(path)
    except OSError as error:
        raise UserError(f"--png: {folder} cannot be written: {error.strerror}") from error
    except RuntimeError as error:  # plotly's word on a missing browser
        raise UserError(
            "--png: a browser draws the images, and none was found; install Chrome or Chromium, or set BROWSER_PATH"
        ) from error
    return paths
