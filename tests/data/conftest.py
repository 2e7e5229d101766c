from collections.abc import Callable
from typing import Any

import pytest

from search.data import load_task
from search.data.task import Task
from search.settings import Settings


@pytest.fixture(scope="session")
def load() -> Callable[..., Task]:
    def loaded(data: dict[str, Any], **split: Any) -> Task:
        return load_task(Settings.parse({"name": "study", "data": data, "split": split}))

    return loaded
