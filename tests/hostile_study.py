"""The texts of somebody who wants to run a script in the reader's browser, and a study file made of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

HOSTILE = "<script>alert(1)</script>"
HOSTILE_NAME = "<img src=x onerror=alert(2)>%{x}`<b>"  # a study's name may hold no slash


def hostile_file(folder: Path) -> Path:
    """A study on a table whose columns are named like markup, with a question that is markup."""
    rng = np.random.default_rng(0)
    columns = [HOSTILE, f"{HOSTILE}2", "<b>x</b>", "y"]
    pd.DataFrame(rng.normal(size=(40, 4)), columns=columns).to_csv(folder / "hostile.csv", index=False)
    path = folder / "hostile.toml"
    path.write_text(
        f"""name = {json.dumps(HOSTILE_NAME)}
question = {json.dumps(HOSTILE)}
data = {{ source = "file", path = "hostile.csv", target = {json.dumps(HOSTILE)} }}
training = {{ optimizer = "exact" }}
search = {{ trials = 6, batch = 6 }}
""",
        encoding="utf-8",
    )
    return path
