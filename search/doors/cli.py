"""The command line. Each command imports what it needs when it runs, so that help is there at once."""

from __future__ import annotations

import io
import json
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer
from typer.exceptions import TyperException

from search.core.errors import UserError
from search.doors.refused import in_one_line

if TYPE_CHECKING:
    from search.report.view import StudyView
    from search.verdict.record import Scope

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
        "sqlite:///studies.db, postgresql+psycopg://user@host/database, or grpc://host:port.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, and nothing else.")]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file.", show_default=False)]
StudyFileOrName = Annotated[
    str, typer.Argument(metavar="STUDY.toml|NAME", help="A study file or name.", show_default=False)
]
FILES = "the study file's"
Strength = Annotated[
    str | None,
    typer.Option(
        metavar="PARAM",
        help="Of a study that lambda-search did not run: the parameter that is the strength, where several could be.",
    ),
]


@app.command(epilog="Example: lambda-search run studies/diabetes.toml --storage sqlite:///studies.db --trials 128")
def run(  # noqa: PLR0913, PLR0917 - a command has as many options as it is promised
    study: StudyFile,
    storage: Storage = None,
    trials: Annotated[int | None, typer.Option(help="Number of trials, in place of the study file's.", min=1)] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cuda, cuda:all, mps or cpu, in place of the study file's.")
    ] = None,
    artifacts: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|URL",
            help="Where the losses are kept, for all who run or read the study: a folder, s3://bucket/prefix or "
            "gs://bucket/prefix.",
            show_default="beside the storage",
        ),
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Stop before so much time has passed, such as 90s, 45m or 1h30m; the same command goes on.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="So many processes share the trials, placed by Ray ([cluster] says where they fit).", min=1),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="The Ray that runs the workers.", show_default="one of this machine"),
    ] = None,
    log: Annotated[
        Literal["plain", "json"] | None,
        typer.Option(help="In place of the progress, a line on standard error for all that this worker does."),
    ] = None,
    sealed: Annotated[bool, typer.Option("--sealed", help="Stop before the test set is opened.")] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no notes on standard error.")] = False,
) -> None:
    """Search, or go on with a search that was stopped, and print the verdict."""
    from search.settings import Settings

    Settings.load(study)  # a wrong study file is refused before anything slow is imported
    from search.doors import study as door
    from search.doors.console import print_result
    from search.doors.running import run_study
    from search.doors.stopping import seconds_of

    if log is not None:
        from search.doors.logs import log_to_stderr

        log_to_stderr(log)
    given = {"storage": storage, "trials": trials, "device": device, "artifacts": artifacts, "workers": workers}
    again = _again(study, {**given, "ray": ray}, sealed=sealed)
    end = None if deadline is None else seconds_of(deadline)
    try:
        settings = door.settings_for(study, trials=trials, device=device, artifacts=artifacts)
        found = run_study(
            settings,
            storage=storage,
            sealed=sealed,
            publish=True,
            progress=not quiet and log is None,
            deadline=end,
            workers=workers,
            ray=ray,
        )
    except door.Interrupted:
        print(again, file=sys.stderr)
        raise typer.Exit(130) from None
    if found.ran.stopped is not None:
        print(again, file=sys.stderr)
    if as_json:
        _print_json(found.to_dict())
    else:
        print_result(found)
    if sealed and not quiet and found.verdict is not None and found.ran.stopped is None:
        print(
            "note: --sealed: nothing is sealed: no test set of its own, or one that was opened before", file=sys.stderr
        )


def _again(study: Path, given: Mapping[str, object], *, sealed: bool) -> str:
    """How to go on with a run that was stopped."""
    options = [str(part) for name, value in given.items() if value is not None for part in (f"--{name}", value)]
    return f"stopped; to go on: {shlex.join(['lambda-search', 'run', str(study), *options, *['--sealed'] * sealed])}"


@app.command(epilog="Example: lambda-search verdict weight_decay --tolerance 0.05")
def verdict(  # noqa: PLR0913, PLR0917 - as many options as it is promised
    study: StudyFileOrName,
    storage: Storage = None,
    tolerance: Annotated[
        float | None, typer.Option(help="The relative regret that does not matter, such as 0.05.", show_default=FILES)
    ] = None,
    confidence: Annotated[
        float | None, typer.Option(help="Of every bound and set, such as 0.9.", show_default=FILES)
    ] = None,
    scope: Annotated[
        str | None, typer.Option(help="models (as fitted) or procedure (the next seed too).", show_default=FILES)
    ] = None,
    strength: Strength = None,
    as_json: AsJson = False,
) -> None:
    """Is the selected candidate really optimal, and does it matter? This opens the test set; the study records it."""
    from search.doors.study import load
    from search.verdict import describe

    found = load(study, storage, strength=strength)
    judged = found.judge(confidence=confidence, tolerance=tolerance, scope=cast("Scope | None", scope))
    if as_json:
        _print_json(judged.to_dict())
    else:
        print(describe(judged))
    found.publish()


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
    strength: Strength = None,
) -> None:
    """Write the study as one page that opens anywhere. It shows what is open, and does not open the test set."""
    from search.doors.study import load
    from search.report.images import write_images

    found = load(study, storage, strength=strength)
    print(f"{found.report(output)} written", file=sys.stderr)
    if png is not None:
        print(f"{len(write_images(found.figures, png))} images written to {png}", file=sys.stderr)
    if found.verdict is None:
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
    strength: Strength = None,
) -> None:
    """Serve optuna-dashboard on the ledger, with verdicts and figures in it, also while studies run. Ctrl-C ends it."""
    from search.doors.publishing import publish_recorded, shown
    from search.doors.study import quiet_optuna
    from search.ledger import open_storage
    from search.report.dashboard import open_dashboard

    opened = open_storage(storage, create=False)

    def view_of(name: str) -> StudyView:
        return shown(opened, name, strength).view

    with quiet_optuna(), open_dashboard(opened, host=host, port=port, view_of=view_of) as server:
        for line in publish_recorded(opened, strength):
            print(f"note: {line}", file=sys.stderr)
        print(server.url, flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


@app.command("list", epilog="Example: lambda-search list --json")
def list_(storage: Storage = None, as_json: AsJson = False) -> None:
    """The studies of a storage: how far they are, and what they selected."""
    from search.doors.console import print_studies, study_facts
    from search.ledger import list_studies, open_storage

    opened = open_storage(storage, create=False)
    studies = list_studies(opened)
    if as_json:
        _print_json({"storage": opened.name, "studies": [study_facts(study) for study in studies]})
    else:
        print_studies(studies, opened.name)


@app.command(epilog="Example: lambda-search status weight_decay --storage postgresql+psycopg://user@host/database")
def status(study: StudyFileOrName, storage: Storage = None, as_json: AsJson = False) -> None:
    """How a study is getting on: its workers, its pace, its failures, and the time left."""
    from search.doors.status import print_status, status_facts
    from search.doors.study import load
    from search.ledger import StudyLedger, status_of

    ledger = load(study, storage).ledger
    if not isinstance(ledger, StudyLedger):
        raise UserError(f"study {ledger.name!r}: somebody else runs it; see lambda-search list")
    found = status_of(ledger)
    if as_json:
        _print_json(status_facts(found))
    else:
        print_status(found)


@app.command(epilog="Example: lambda-search check --storage runs/ledger.journal --repair")
def check(
    study: Annotated[
        str | None, typer.Argument(metavar="STUDY.toml|NAME", help="One study alone.", show_default="all")
    ] = None,
    storage: Storage = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Mend what can be mended: put flipped bits right, leave damaged records out, have lost losses trained "
            "again by the next run. A journal of before is kept.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read every record and every stored loss, and say what is damaged; the exit code is 1 where damage is left."""
    from search.doors.check import check_facts, print_check
    from search.doors.study import quiet_optuna
    from search.ledger import check as look
    from search.settings import Settings

    name = Settings.load(study).name if study is not None and study.endswith(".toml") else study
    with quiet_optuna():
        found = look(storage, name, repair=repair)
    if as_json:
        _print_json(check_facts(found))
    else:
        given = [] if study is None else [study]
        options = [] if storage is None else ["--storage", found.storage]  # as it may be shown
        print_check(found, shlex.join(["lambda-search", "check", *given, *options, "--repair"]))
    if found.left:
        raise typer.Exit(1)


@app.command(epilog="Example: lambda-search export weight_decay -o trials.csv")
def export(  # noqa: PLR0913, PLR0917 - as many options as it is promised
    name: StudyFileOrName,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The .csv or .parquet file to write.", show_default=False),
    ] = None,
    coefficients: Annotated[
        bool,
        typer.Option(
            "--coefficients",
            help="Write a linear model's coefficients by name in place of trials: on the inputs' own "
            "scale, standardised, and how often they are chosen.",
        ),
    ] = False,
    onnx: Annotated[
        Path | None, typer.Option(help="The .onnx file for the model, which takes raw rows.", show_default=False)
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="Add test_loss and test_se. This opens the test set; the study records it.")
    ] = False,
    storage: Storage = None,
    strength: Strength = None,
) -> None:
    """Write one row a trial to a csv or parquet file, or a linear model's coefficients, or the model as ONNX."""
    from search.doors.export import export_coefficients, export_onnx, export_trials
    from search.doors.study import load

    if coefficients and (output is None or test):
        raise UserError("export: --coefficients needs --output COEFFICIENTS.csv and is no table of trials: no --test")
    if output is None and onnx is None:
        raise UserError("export: name what to write: --output TRIALS.csv, --onnx MODEL.onnx for the model, or both")
    found = load(name, storage, strength=strength)
    if output is not None and coefficients:
        print(f"{export_coefficients(found, output)} coefficients written to {output}", file=sys.stderr)
    elif output is not None:
        print(f"{export_trials(found.ledger, output, with_test=test)} trials written to {output}", file=sys.stderr)
    if onnx is not None:
        export_onnx(found, onnx)
        print(f"the model of {found.selected} written to {onnx}", file=sys.stderr)


@app.command(epilog="Example: lambda-search predict houses new_houses.csv -o prices.csv")
def predict(
    name: StudyFileOrName,
    data: Annotated[Path, typer.Argument(metavar="DATA.csv", help="New rows, csv or parquet.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The .csv or .parquet file to write.", show_default="standard output"),
    ] = None,
    storage: Storage = None,
) -> None:
    """Predict new rows with the study's model: the selected candidate, trained on all rows, preprocessing included."""
    from search.doors.predict import predict_file
    from search.doors.study import load

    for line in predict_file(load(name, storage).model(), data, output):
        print(f"note: {line}", file=sys.stderr)


@app.command(epilog="Example: lambda-search new houses.csv --target price && lambda-search run houses.toml")
def new(
    data: Annotated[Path, typer.Argument(metavar="DATA.csv", help="A csv or parquet file.", show_default=False)],
    target: Annotated[list[str], typer.Option(help="The column to predict; repeat it for several.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The study file to write.")] = None,
    task: Annotated[
        str | None, typer.Option(help="regression or classification; left out: guessed from the target, and said.")
    ] = None,
    describe: Annotated[bool, typer.Option("--describe", help="Show what the data hold, and write nothing.")] = False,
) -> None:
    """Write a study file for your own data, and show what they hold."""
    from search.doors.described import print_description
    from search.doors.new_study import describe_file, write_study

    if describe and output is not None:
        raise UserError("new: --describe writes nothing, so there is no --output; leave one of them out")
    if describe:
        print_description(describe_file(data, tuple(target), task))
        return
    written, found = write_study(data, tuple(target), output or Path(f"{data.stem}.toml"), task)
    print_description(found)
    print(f"{written} written; next: {shlex.join(['lambda-search', 'run', str(written)])}", file=sys.stderr)


@app.command(epilog="Example: lambda-search schema > study.schema.json")
def schema() -> None:
    """Print the JSON schema of study files, for editors that complete and check them."""
    from search.settings import json_schema

    _print_json(json_schema())


def _print_json(value: Any) -> None:  # noqa: ANN401
    print(json.dumps(value, indent=2, allow_nan=False))


def _print_error(message: str) -> None:
    """One line, whatever the names in it are made of: what would move a terminal's cursor is spelt out."""
    line = " ".join(message.splitlines())
    print("lambda-search:", "".join(each if each.isprintable() else repr(each)[1:-1] for each in line), file=sys.stderr)


def _any_letters() -> None:
    """A name with letters that standard output has none for is shown with their numbers."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """Run the command line; what the user got wrong is one line on standard error and exit code 2."""
    _any_letters()
    try:
        with in_one_line():
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
