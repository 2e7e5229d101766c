"""The command line. Each command imports what it needs when it runs, so that help is there at once."""

from __future__ import annotations

import json
import os
import shlex
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from search.records import UserError

app = typer.Typer(
    name="lambda-search",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find a regularisation strength, and learn with evidence whether it is really the right one.\n\n"
    "Example: lambda-search run studies/weight_decay.toml",
)

Storage = Annotated[
    str | None,
    typer.Option(
        metavar="PATH|URL",
        help="Where studies are kept: a file's path (default: runs/ledger.journal), or a database's URL such as "
        "sqlite:///studies.db or postgresql+psycopg://user@host/database.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, and nothing else.")]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file.", show_default=False)]
StudyFileOrName = Annotated[
    str, typer.Argument(metavar="STUDY.toml|NAME", help="A study file or name.", show_default=False)
]
StudyName = Annotated[str, typer.Argument(metavar="NAME", help="The study's name.", show_default=False)]


@app.command(epilog="Example: lambda-search run studies/diabetes.toml --storage sqlite:///studies.db --trials 128")
def run(  # noqa: PLR0913, PLR0917 - a command has as many options as it is promised
    study: StudyFile,
    storage: Storage = None,
    trials: Annotated[int | None, typer.Option(help="Number of trials, in place of the study file's.", min=1)] = None,
    device: Annotated[str | None, typer.Option(help="auto, cuda, mps or cpu, in place of the study file's.")] = None,
    sealed: Annotated[bool, typer.Option("--sealed", help="Stop before the test set is opened.")] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no notes on standard error.")] = False,
) -> None:
    """Search, or go on with a search that was stopped, and print the verdict."""
    # A wrong study file is refused before anything slow is imported.
    _find_modules(study.parent)
    settings = _settings(study, trials, device)
    from search.console import Display, print_result
    from search.interrupt import graceful_interrupt
    from search.ledger import open_storage
    from search.runner import Run

    _hush_optuna()
    the_run = Run.open(settings, open_storage(storage))
    with Display(settings.name, quiet=quiet) as display, graceful_interrupt(display.note) as interrupted:
        the_run.search(report=display.update, stop=interrupted)
        if not interrupted():
            display.stage("confirming on fresh seeds")
            the_run.confirm()
    if interrupted():
        given = {"--storage": storage, "--trials": trials, "--device": device}
        options = [str(part) for option in given.items() if option[1] is not None for part in option]
        options += ["--sealed"] * sealed
        print(f"stopped; to go on: {shlex.join(['lambda-search', 'run', str(study), *options])}", file=sys.stderr)
        raise typer.Exit(130)
    facts = the_run.summary()
    verdict = None if sealed or facts["selected"] is None else _judge(the_run.ledger, settings)
    if as_json:
        _print_json(facts | {"verdict": None if verdict is None else verdict.to_dict()})
    else:
        print_result(the_run, verdict)
    if facts["selected"] is not None:
        _publish(the_run.ledger, verdict)


@app.command(epilog="Example: lambda-search verdict weight_decay --json")
def verdict(
    study: StudyFileOrName,
    storage: Storage = None,
    as_json: AsJson = False,
) -> None:
    """Is the selected candidate really optimal, and does it matter? This opens the test set; the study records it."""
    from search.verdict import describe

    ledger, settings = _study(study, storage)
    judged = _judge(ledger, settings)
    if as_json:
        _print_json(judged.to_dict())
    else:
        print(describe(judged))
    _publish(ledger, judged)


@app.command(epilog="Example: lambda-search report weight_decay -o weight_decay.html")
def report(
    study: StudyFileOrName,
    storage: Storage = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The page to write.", show_default="NAME.html")
    ] = None,
    png: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write every figure as an image into this folder too.")
    ] = None,
) -> None:
    """Write the study as one page that opens anywhere. It shows what is open, and does not open the test set."""
    from search.report.gallery import Gallery
    from search.report.images import write_images
    from search.report.load import view_of
    from search.report.page import write_report

    ledger, settings = _study(study, storage)
    view = view_of(ledger, settings)
    print(f"{write_report(view, output or Path(f'{view.name}.html'))} written", file=sys.stderr)
    if png is not None:
        print(f"{len(write_images(Gallery(view), png))} images written to {png}", file=sys.stderr)
    if view.verdict is None:
        print(f"The page holds no verdict yet; to get one: lambda-search verdict {shlex.quote(study)}", file=sys.stderr)


@app.command(epilog="Example: lambda-search dashboard --port 8080")
def dashboard(
    storage: Storage = None,
    port: Annotated[
        int | None, typer.Option(help="The port to serve on.", min=0, max=65535, show_default="a free one")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to serve on; the default is for this machine alone.")] = (
        "127.0.0.1"
    ),
) -> None:
    """Serve optuna-dashboard on the ledger, with verdicts and figures in it, also while studies run. Ctrl-C ends it."""
    from search.ledger import open_storage
    from search.report.dashboard import open_dashboard

    _hush_optuna()
    with open_dashboard(open_storage(storage, create=False), host=host, port=port) as server:
        print(server.url, flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


@app.command("list", epilog="Example: lambda-search list --json")
def list_(storage: Storage = None, as_json: AsJson = False) -> None:
    """The studies of a storage: how far they are, and what they selected."""
    from search.console import print_studies, study_facts
    from search.ledger import list_studies, open_storage

    opened = open_storage(storage, create=False)
    studies = list_studies(opened)
    if as_json:
        _print_json({"storage": opened.name, "studies": [study_facts(study) for study in studies]})
    else:
        print_studies(studies, opened.name)


@app.command(epilog="Example: lambda-search export weight_decay -o trials.csv")
def export(
    name: StudyName,
    output: Annotated[Path, typer.Option("-o", "--output", help="The .csv or .parquet file to write.")],
    test: Annotated[
        bool, typer.Option("--test", help="Add test_loss and test_se. This opens the test set; the study records it.")
    ] = False,
    storage: Storage = None,
) -> None:
    """Write one row a trial to a csv or parquet file."""
    from search.export import export_trials
    from search.ledger import StudyLedger, open_storage

    ledger = StudyLedger.load(open_storage(storage, create=False), name)
    rows = export_trials(ledger, output, with_test=test)
    print(f"{rows} trials written to {output}", file=sys.stderr)


@app.command(epilog="Example: lambda-search new houses.csv --target price && lambda-search run houses.toml")
def new(
    data: Annotated[Path, typer.Argument(metavar="DATA.csv", help="A csv or parquet file.", show_default=False)],
    target: Annotated[list[str], typer.Option(help="The column to predict; repeat it for several.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The study file to write.")] = None,
) -> None:
    """Write a study file for your own data."""
    from search.new_study import write_study

    written = write_study(data, tuple(target), output or Path(f"{data.stem}.toml"))
    print(f"{written} written; next: {shlex.join(['lambda-search', 'run', str(written)])}", file=sys.stderr)


@app.command(epilog="Example: lambda-search schema > study.schema.json")
def schema() -> None:
    """Print the JSON schema of study files, for editors that complete and check them."""
    from search.settings import json_schema

    _print_json(json_schema())


def _settings(study: Path, trials: int | None, device: str | None) -> Any:  # noqa: ANN401 - imported late
    from search.settings import Settings

    settings = Settings.load(study)
    tables = settings.to_dict()
    if trials is not None:
        tables["search"]["trials"] = trials
    if device is not None:
        tables["training"]["device"] = device
    return Settings.parse(tables, where=str(study))


def _study(study: str, storage: str | None) -> tuple[Any, Any]:
    """The ledger and the settings of a study that a file or a name stands for."""
    from search.ledger import StudyLedger, open_storage
    from search.settings import Settings

    given = Settings.load(study) if study.endswith(".toml") else None
    ledger = StudyLedger.load(open_storage(storage, create=False), given.name if given else study)
    return ledger, given or Settings.parse(ledger.settings)


def _publish(ledger: Any, verdict: Any) -> None:  # noqa: ANN401 - imported late
    """Bring the study's note and plots in optuna-dashboard up to date, where that is installed."""
    from importlib.util import find_spec

    if find_spec("optuna_dashboard"):
        from search.report.dashboard import publish
        from search.report.view import StudyView

        publish(ledger, StudyView.of(ledger, verdict))


def _hush_optuna() -> None:
    """Optuna's log of what it does, and its word on samplers that it calls experimental, are not for our user."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def _judge(ledger: Any, settings: Any) -> Any:  # noqa: ANN401 - imported late
    from search.verdict.study import judge_study

    return judge_study(ledger, confidence=settings.verdict.confidence, tolerance=settings.verdict.tolerance)


def _find_modules(folder: Path) -> None:
    """Let a study name functions in modules beside it, or in the working folder."""
    for place in (os.getcwd(), str(folder.resolve())):
        if place not in sys.path:
            sys.path.append(place)


def _print_json(value: Any) -> None:  # noqa: ANN401
    print(json.dumps(value, indent=2, allow_nan=False))


def _print_error(message: str) -> None:
    """One line, whatever the names in it are made of."""
    print("lambda-search:", " ".join(message.splitlines()), file=sys.stderr)


def main() -> None:
    """Run the command line; what the user got wrong is one line on standard error and exit code 2."""
    try:
        code = app(prog_name="lambda-search", standalone_mode=False)
    except UserError as error:
        _print_error(str(error))
        code = 2
    except TyperException as error:
        # Without any arguments the help has been printed, and there is nothing to add.
        if message := error.format_message():
            _print_error(message)
        code = error.exit_code
    sys.exit(code or 0)
