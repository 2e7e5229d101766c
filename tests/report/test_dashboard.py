"""The dashboard's server, and what is published into it, through its own API."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from command_line import PROGRAM, SMALL, call
from optuna_dashboard import get_note
from serving import served

from search import load
from search.core.errors import UserError
from search.core.writing import sync
from search.ledger import StudyLedger, journal, open_storage
from search.report.answer import answer_of
from search.report.dashboard import CARD_HEIGHT, TITLE_HEIGHT, open_dashboard, plots_of
from search.report.published import publish
from search.report.view import StudyView

pytestmark = pytest.mark.filterwarnings("ignore:Some regimes")  # optuna's own, on few trials


@pytest.fixture(scope="module")
def server(storage):
    with served(storage) as server:
        yield server


def detail(server, name):
    api = server.url.removesuffix("dashboard") + "api/studies"
    with urlopen(api) as listed:
        numbers = {each["study_name"]: each["study_id"] for each in json.load(listed)["study_summaries"]}
    with urlopen(f"{api}/{numbers[name]}?after=0") as answer:
        return json.load(answer)


HOSTILE = [
    ("GET", {"Host": "evil.example"}),
    ("GET", {"Host": "evil.example:80"}),
    ("DELETE", {"Host": "evil.example"}),
    ("DELETE", {"Origin": "http://evil.example"}),
    ("DELETE", {"Origin": "null"}),
    ("POST", {"Origin": "http://127.0.0.1:1"}),
]


@pytest.mark.parametrize(("method", "headers"), HOSTILE)
def test_another_page_is_answered_nothing_and_changes_nothing(server, storage, method, headers):
    """DNS rebinding and foreign forms: a DELETE with another Host header deleted the study."""
    before = {study.study_name for study in open_storage(storage).optuna.get_all_studies()}
    request = Request(f"{server.url.removesuffix('dashboard')}api/studies/0", method=method, headers=headers)
    with pytest.raises(HTTPError) as refused:
        urlopen(request)
    refused.value.close()
    assert refused.value.code == 403
    assert {study.study_name for study in open_storage(storage).optuna.get_all_studies()} == before


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_its_own_page_is_answered(server, name):
    host = f"{name}:{server.server_address[1]}"
    headers = {"Host": host, "Origin": f"http://{host}"}
    with urlopen(Request(f"{server.url.removesuffix('dashboard')}api/studies", headers=headers)) as answer:
        assert answer.status == 200
    request = Request(f"{server.url.removesuffix('dashboard')}api/studies/999", method="DELETE", headers=headers)
    with pytest.raises(HTTPError) as refused:
        urlopen(request)
    refused.value.close()
    assert refused.value.code != 403


@pytest.mark.rest
def test_a_run_leaves_its_verdict_and_the_dashboard_draws_its_figures_in_the_pages_order(server, study):
    found = detail(server, "small")
    assert answer_of(study.view).sentence in found["note"]["body"]
    plots = {each["id"]: json.loads(each["graph_object"]) for each in found["plotly_graph_objects"]}
    assert list(plots) == list(study.figures)
    assert [each["key"] for each in found["user_attrs"]] == ["verdict"]
    assert found["user_attrs"][0]["value"].strip('"') == answer_of(study.view).sentence
    for name, figure in study.figures.items():
        drawn = json.loads(figure.to_json())["data"]
        shown = plots[name]["data"]
        assert [each | {"name": ""} for each in shown] == [each | {"name": ""} for each in drawn]
        assert not {each.get("name") for each in shown} & {
            "one standard error",
            "10-90 % of replicates",
        }  # a phone has no room
    assert found["objective_names"] == ["validation loss"]


def test_what_is_published_of_a_sealed_study_holds_no_test_loss(server, sealed, storage):
    found = detail(server, "sealed")
    assert "test rows are sealed" in found["note"]["body"]
    assert [each["id"] for each in found["plotly_graph_objects"]] == list(sealed.figures)
    assert "regret" not in sealed.figures
    assert StudyLedger.load(open_storage(storage), "sealed").openings == []


def test_publishing_again_writes_nothing_and_a_change_is_one_write(study, storage, monkeypatch):
    opened = open_storage(storage)
    ledger = StudyLedger.load(opened, "small")
    path = opened.folder.with_name("ledger.journal")
    before = path.stat().st_size
    publish(ledger, study.view)
    assert path.stat().st_size == before
    writes = []
    monkeypatch.setattr(journal, "sync", lambda file: (writes.append(file), sync(file)))
    publish(ledger, StudyView(study.snapshot))
    assert len(writes) == 1
    assert "No verdict yet" in get_note(ledger.study())
    publish(ledger, study.view)


def test_figures_are_drawn_when_asked_for_and_again_when_the_study_has_changed(study, storage):
    asked = []

    def view_of(name):
        asked.append(name)
        return study.view

    opened = open_storage(storage)
    with open_dashboard(opened, host="127.0.0.1", port=None, view_of=view_of) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert asked == []
        first, second = detail(server, "small"), detail(server, "small")
        assert asked == ["small"]
        assert first == second
        ledger = StudyLedger.load(opened, "small")
        before = answer_of(study.view).sentence
        ledger.study().set_user_attr("verdict", "another")
        assert detail(server, "small")["user_attrs"][0]["value"].strip('"') == "another"
        assert asked == ["small", "small"]
        ledger.study().set_user_attr("verdict", before)
        server.shutdown()


@pytest.mark.rest
def test_each_figure_fits_its_card_with_title_legend_and_panels_below_each_other(study):
    for figure in plots_of(study.view).values():
        assert figure.layout.height == CARD_HEIGHT
        assert TITLE_HEIGHT < figure.layout.margin.t <= CARD_HEIGHT / 2
        assert figure.layout.legend.y < 1


def test_the_storage_holds_no_figure_and_the_dashboard_no_path(server, study):
    assert not any("plot_data" in key for key in study.ledger.storage.optuna.get_study_system_attrs(study.ledger.id))
    assert str(study.storage) not in json.dumps(detail(server, "small"))


@pytest.mark.rest  # its run is a process of its own
@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_trials_of_another_process_appear_while_it_serves(kind, tmp_path):
    place = {"journal": str(tmp_path / "own.journal"), "sqlite": f"sqlite:///{tmp_path}/own.db"}[kind]
    first, second = open_storage(place), open_storage(place)
    settings = {"name": "live", **SMALL}
    ledger = StudyLedger.open(second, "live", settings=settings, fingerprint="x", versions={})
    with open_dashboard(first, host="127.0.0.1", port=0, view_of=lambda name: load(name, place).view) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert detail(server, "live")["trials"] == []
        trial = ledger.study().ask()
        trial.suggest_categorical("penalty", ["none"])
        found = detail(server, "live")["trials"] or wait_for_trials(server)
        assert [each["state"] for each in found] == ["Running"]
        server.shutdown()


def wait_for_trials(server):
    """The dashboard keeps a study's trials for two seconds."""
    for _ in range(30):
        threading.Event().wait(0.1)
        if found := detail(server, "live")["trials"]:
            return found
    return []


def test_a_busy_port_is_named(server, storage):
    port = server.server_address[1]
    with pytest.raises(UserError, match=f"--port: {port} is in use on 127.0.0.1"):
        open_dashboard(open_storage(storage), host="127.0.0.1", port=port, view_of=load)
    done = call("dashboard", "--storage", storage, "--port", port)
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    with pytest.raises(UserError, match="--host"):
        open_dashboard(open_storage(storage), host="no.such.host.invalid", port=None, view_of=load)


@pytest.mark.rest
def test_the_command_prints_its_address_serves_quietly_and_ends_on_ctrl_c(storage):
    words = [*PROGRAM, "dashboard", "--storage", storage]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            with urlopen(address) as page:
                assert page.status == 200
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0
    assert errors == ""
