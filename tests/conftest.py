"""What several test files build on: small tasks with known laws, and settings for them."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import torch
from object_store import running_store
from postgresql import new_database, running_server
from proxy_server import running_proxy

from search.data.task import Kind, Rows, Split, Task
from search.settings import Settings

hypothesis.settings.register_profile("busy", deadline=None)  # a test does not fail because the machine is busy
hypothesis.settings.register_profile("deep", deadline=None, max_examples=5000)  # tests/fuzz/README.md
hypothesis.settings.load_profile("busy")
torch.set_num_threads(1)  # the tasks are tiny: threads only wait for each other
# What asks for a browser, for a server, or for many data sets to count over, need not run every time.
LARGE = {"browser", "postgresql_server", "s3", "holds"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what asks for something large as part of the rest."""
    for item in items:
        if LARGE & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.rest)


@pytest.fixture(scope="session")
def postgresql_server():
    """The URL of a PostgreSQL server of this process's tests."""
    with running_server() as url:
        yield url


@pytest.fixture
def postgresql(postgresql_server):
    """The URL of an empty PostgreSQL database."""
    with new_database(postgresql_server) as url:
        yield url


@pytest.fixture
def proxy(postgresql):
    """The URL of a proxy of Optuna's before an empty PostgreSQL database."""
    with running_proxy(postgresql) as running:
        yield running.url


@pytest.fixture(scope="module")
def s3():
    """The endpoint of an S3-compatible server on this machine."""
    with running_store() as endpoint:
        yield endpoint


@pytest.fixture
def make_settings():
    """Settings from dotted keys: make_settings(**{"training.lr": 0.1})."""

    def make(**changes: Any) -> Settings:
        tables: dict[str, Any] = {"name": "test", "data": {"source": "synthetic_linear"}}
        for key, value in changes.items():
            table, _, name = key.partition(".")
            tables.setdefault(table, {})[name] = value
        return Settings.parse(tables)

    return make


def rows(x: torch.Tensor, y: torch.Tensor, first: int) -> Rows:
    count = torch.arange(len(x))
    return Rows(x, y, count + first, count)


@pytest.fixture
def make_task():
    """A task of `draws` independent splits with random inputs: 20 training, 30 validation, 40 test rows."""

    def make(kind: Kind = "regression", features: int = 12, outputs: int = 1, draws: int = 2, refit: bool = False):
        generator = torch.Generator().manual_seed(7)

        def split(draw: int) -> Split:
            weight = torch.randn(features, outputs, generator=generator, dtype=torch.float64)
            parts, first = [], 0
            for count in (20, 30, 40):
                x = torch.randn(count, features, generator=generator, dtype=torch.float64)
                score = x @ weight + 0.5 * torch.randn(count, outputs, generator=generator, dtype=torch.float64)
                y = {
                    "regression": lambda s=score: s,
                    "binary": lambda s=score: (s[:, 0] > 0).long(),
                    "multiclass": lambda s=score: s.argmax(-1),
                }[kind]()
                parts.append(rows(x, y, first))
                first += count
            return Split(*parts, draw=draw)

        splits = tuple(split(draw) for draw in range(draws))
        refits: tuple[Split, ...] = ()
        if refit:
            splits, refits = tuple(map(without_test, splits)), tuple(map(refitted, splits))
        names = tuple(f"x{i}" for i in range(features))
        return Task(kind, outputs, names, ("y",), (), splits, refits, 30, 40, "made by hand")

    return make


def without_test(split: Split) -> Split:
    return Split(split.train, split.validation, nothing(split.test), split.draw)


def refitted(split: Split) -> Split:
    train, held = split.train, split.validation
    joined = Rows(
        torch.cat([train.x, held.x]),
        torch.cat([train.y, held.y]),
        torch.cat([train.ids, held.ids]),
        torch.arange(len(train) + len(held)),
    )
    return Split(joined, nothing(held), split.test, split.draw)


def nothing(part: Rows) -> Rows:
    return Rows(part.x[:0], part.y[:0], part.ids[:0], part.place[:0])
