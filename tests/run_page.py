"""Run every code block of a page in its order, as its reader would: python -m tests.run_page PAGE.md, in a new folder.

Python blocks share one interpreter, as in a notebook; one that begins with a comment naming a file (`# net.py`) is
written there instead. Bash blocks run in a shell that stops at the first failure, diffs are applied. All other blocks
are for the eye.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"^```(python|bash|toml|diff)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# ([\w./-]+\.(?:py|toml))\n")


def run_page(page: Path) -> int:
    """Run a page's blocks in the working folder; returns how many there were."""
    names: dict[str, object] = {"__name__": "__main__"}
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    sys.path.insert(0, "")
    for number, (language, text) in enumerate(blocks, 1):
        if named := FILE.match(text):
            Path(named[1]).write_text(text.partition("\n")[2], encoding="utf-8")
        elif language == "python":
            exec(compile(text, f"{page.name}, block {number}", "exec"), names)
        elif language == "diff":
            subprocess.run(["git", "apply", "--unidiff-zero", "-"], input=text, text=True, check=True)
        elif language == "bash":
            subprocess.run(["bash", "-euo", "pipefail", "-c", text], check=True)
    return len(blocks)


if __name__ == "__main__":
    print(f"{run_page(Path(sys.argv[1]))} blocks ran")
