"""The studies are a package beside the tests, found from the repository's root; what computes is not of the core."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Only the book itself, text and stored figures, is looked at every time."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.name != "test_answers.py":
            item.add_marker(pytest.mark.rest)
