"""Where studies are kept: Optuna's storage with the losses beside it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from search.core.errors import UserError
from search.core.text import one_line
from search.ledger.artifacts import ArtifactStore, FileArtifacts, MemoryArtifacts, location, open_artifacts
from search.ledger.files import naming

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.study._frozen import FrozenStudy
    from optuna.trial import FrozenTrial
    from sqlalchemy import URL

    from search.ledger.journal import Journal

DEFAULT: Final = Path("runs/ledger.journal")
OWN, TURNS = "own", "turns"  # locks: what the storage itself has, and `search.ledger.turns`
PAUSES: Final = (0.1, 0.5, 2.0, 5.0)  # seconds before something that broke is tried again
T = TypeVar("T")


class UnreadableError(UserError):
    """What a storage holds is not what Optuna wrote."""


def _never(error: Exception) -> bool:
    return False


def _nothing() -> None:
    return


def _fails_none(why: Mapping[int, str]) -> None:
    if why:
        raise UserError(
            f"{len(why)} trials that have ended would have to fail, and through this storage none can: repair the one "
            "behind it"
        )


@dataclass(frozen=True)
class Storage:
    """An open storage.

    `name` is what messages call it, `optuna` Optuna's part, `artifacts` the losses. `folder` is a local folder for the
    locks of running studies (None: in memory, where no other process runs them). `losses_at` says where the losses
    lie, for each new study to note; None: in `folder`, which lies beside the storage's own file and moves with it.
    `asked`: whether the user named that place. `broke(error)`: whether an error says that a connection broke, and not
    within one of the blocks that follow, which are done again as a whole, after `forget()` of what was undone.
    `fail_ended(why)` has trials fail, by the storage's own ids, that had ended otherwise.
    `one_write()` is a
    context: all that the block (of one thread) asks, suggests and tells reaches the disk at its end by one write; it
    nests, and an exception does not undo it. `alone(study_id)` is the same, and no other worker changes that study
    meanwhile. `shared_write()` is the same beside a script that writes this storage through Optuna alone; it does not
    nest. `lock` names what `alone` rests on: workers with another one cannot share a study with these.
    """

    name: str
    optuna: BaseStorage
    artifacts: ArtifactStore
    folder: Path | None
    one_write: Callable[[], AbstractContextManager[None]]
    alone: Callable[[int], AbstractContextManager[None]]
    shared_write: Callable[[], AbstractContextManager[None]]
    losses_at: str | None = None
    asked: bool = False
    broke: Callable[[Exception], bool] = _never
    forget: Callable[[], None] = _nothing
    fail_ended: Callable[[Mapping[int, str]], None] = _fails_none
    lock: str = OWN

    def steadily(self, do: Callable[[], T]) -> T:
        """Do it, and again where a connection breaks in its middle: `do` is such that twice is as good as once."""
        for pause in PAUSES:
            try:
                return do()
            except Exception as error:
                if not self.broke(error):
                    raise
            time.sleep(pause)
            self.forget()
        return do()

    def read(self, do: Callable[[], T]) -> T:
        """What Optuna reads; `UnreadableError` where it cannot, as in a database that was damaged."""
        try:
            return self.steadily(do)
        except UserError:
            raise
        except Exception as error:  # what is damaged can raise anything
            if self.broke(error):
                raise
            raise UnreadableError(
                f"storage {self.name}: cannot be read: {type(error).__name__}: {one_line(error)}; it is damaged, or "
                "was changed meanwhile: bring it back as it was"
            ) from error

    def studies(self) -> list[FrozenStudy]:
        """All studies, whoever made them."""
        return self.read(self.optuna.get_all_studies)

    def trials(self, study_id: int) -> list[FrozenTrial]:
        """A study's trials in any state, by their numbers; they are the storage's own, and not changed."""
        return self.read(lambda: self.optuna.get_all_trials(study_id, deepcopy=False))

    def attributes(self, study_id: int) -> dict[str, Any]:
        """A study's user attributes."""
        return self.read(lambda: self.optuna.get_study_user_attrs(study_id))

    def marks(self, study_id: int) -> dict[str, Any]:
        """What workers have told each other in a study: Optuna's system attributes."""
        return self.read(lambda: self.optuna.get_study_system_attrs(study_id))

    def mark(self, study_id: int, key: str, value: Any) -> None:  # noqa: ANN401 - JSON
        """Tell the other workers of a study."""
        self.steadily(lambda: self.optuna.set_study_system_attr(study_id, key, value))

    @property
    def place(self) -> str:
        """Where the losses lie, in words."""
        return self.losses_at or str(self.folder)

    def keeping_at(self, losses_at: str, *, asked: bool = False) -> Storage:
        """The same storage with losses elsewhere: a folder, s3://bucket/prefix or gs://bucket/prefix."""
        where = location(losses_at)
        return replace(self, artifacts=open_artifacts(where), losses_at=where, asked=asked)


def open_storage(
    storage: str | BaseStorage | None = None, *, create: bool = True, artifacts: str | None = None
) -> Storage:
    """Open a storage: a journal file's path (default `runs/ledger.journal`), a database's URL, or Optuna's own object.

    A URL grpc://HOST:PORT is that of Optuna's gRPC proxy.

    The journal file is made by the first write, a database file at once. `create=False`, for commands that only
    read, refuses a named file that is not there. `artifacts` is where new studies keep their losses, see
    `Storage.keeping_at`; left out: in a folder beside the file, or below `runs/` for a database on a server. What
    cannot be opened raises `UserError`.
    """
    opened = _open(storage, create)
    return opened if artifacts is None else opened.keeping_at(artifacts, asked=True)


def _open(storage: str | BaseStorage | None, create: bool) -> Storage:
    if storage is not None and not isinstance(storage, str | Path):
        return _given(storage)
    if str(storage).startswith("grpc://"):
        return _open_proxy(str(storage))
    if storage is not None and "://" in str(storage):
        return _open_database(str(storage), create)
    path = DEFAULT if storage is None else Path(storage)
    if storage is not None:
        _require(path, create)
    return _open_journal(path)


def journal_path(storage: str | None) -> Path | None:
    """Where a journal that is there lies, by what `open_storage` takes; None for a database's URL."""
    if storage is None:
        return DEFAULT
    if "://" in storage:
        return None
    _require(Path(storage), create=False)
    return Path(storage)


def _given(storage: BaseStorage) -> Storage:
    """A storage of Optuna's that is open already; studies of ours are opened by the storage's name."""
    from optuna.storages import BaseStorage

    if not isinstance(storage, BaseStorage):
        raise UserError(
            f"storage is a {type(storage).__name__}; valid are a journal's path, a database's URL, or Optuna's own"
        )
    folder = _losses_beside(DEFAULT.with_name(type(storage).__name__))
    artifacts = FileArtifacts(folder)
    database: Any = getattr(storage, "_backend", storage)
    if not hasattr(database, "engine"):
        return Storage(type(storage).__name__, storage, artifacts, folder, nullcontext, _unguarded, nullcontext)
    from search.ledger.database import one_write, shown

    write = partial(one_write, database)
    return Storage(shown(database.engine.url), storage, artifacts, folder, write, write, write)


def memory_storage() -> Storage:
    """A new storage that writes nothing to disk, and lasts as long as this object."""
    from optuna.storages import InMemoryStorage

    return Storage("memory", InMemoryStorage(), MemoryArtifacts(), None, nullcontext, _unguarded, nullcontext)


def _unguarded(study_id: int) -> AbstractContextManager[None]:
    return nullcontext()


def _open_journal(path: Path) -> Storage:
    from search.ledger.journal import Journal
    from search.ledger.replay import Replay

    journal = Journal(path)
    return on_journal(path, journal, Replay(journal))


def on_journal(path: Path, journal: Journal, optuna: BaseStorage) -> Storage:
    """The storage whose journal lies there; `optuna` is what its records come to."""
    folder = _losses_beside(path)
    return Storage(
        str(path),
        optuna,
        FileArtifacts(folder),
        folder,
        one_write=journal.one_write,
        alone=partial(_whole_file, journal),
        shared_write=journal.shared_write,
    )


def _whole_file(journal: Journal, study_id: int) -> AbstractContextManager[None]:
    """The file's lock is that of all its studies."""
    return journal.one_write()


def _open_database(text: str, create: bool) -> Storage:
    from optuna.storages import get_storage

    from search.ledger.database import broke, fail_ended, forget, one_write, open_database, parse_url, shown

    url = parse_url(text)
    local = url.get_backend_name() == "sqlite"
    if local:
        folder = _prepare_sqlite_file(url, create)
    else:
        folder = DEFAULT.parent / f"{url.database}.{_server_hash(url)}.losses"
    database = open_database(url)
    write = partial(one_write, database)
    # A study that is on a server is opened from other working folders too.
    losses_at = None if local else location(str(folder))
    cached = get_storage(database)
    return Storage(
        shown(url),
        cached,
        FileArtifacts(folder),
        folder,
        one_write=write,
        alone=write,
        shared_write=write,
        losses_at=losses_at,
        broke=partial(broke, database),
        forget=partial(forget, cached, database),
        fail_ended=partial(fail_ended, cached, database),
    )


def _open_proxy(url: str) -> Storage:
    try:
        from search.ledger.proxy import broke, open_proxy
    except ImportError as error:
        raise UserError(
            f"storage {url}: needs the package grpcio: python -m pip install 'lambda-search[grpc]'"
        ) from error
    from search.ledger.turns import Turns

    proxy = open_proxy(url)
    folder = DEFAULT.parent / f"proxy.{hashlib.sha256(url.encode()).hexdigest()[:8]}.losses"
    turns = Turns(proxy)
    return Storage(
        url,
        proxy,
        FileArtifacts(folder),
        folder,
        one_write=turns.turn,
        alone=turns.turn,
        shared_write=nullcontext,
        losses_at=location(str(folder)),
        broke=broke,
        lock=TURNS,
    )


def _prepare_sqlite_file(url: URL, create: bool) -> Path:
    if not url.database or url.database == ":memory:":
        raise UserError(f"storage {url}: names no file; one looks like sqlite:///runs/ledger.db")
    path = Path(url.database)
    _require(path, create)
    if path.is_dir():
        raise UserError(f"storage {url}: {path} is a folder; name a file in it")
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return _losses_beside(path)


def _require(path: Path, create: bool) -> None:
    if not create and not path.exists():
        raise UserError(f"{path}: there is no such storage; name the one that the study was run with")


def _losses_beside(path: Path) -> Path:
    # The whole file name stays in it: ledger.journal and ledger.db in one folder must not share their losses. A link
    # leads to the file's own.
    if path.is_symlink():
        path = path.resolve()
    return path.with_name(f"{path.name}.losses")


def _server_hash(url: URL) -> str:
    # Servers on sockets have no host but the folder of the socket, and may have databases of the same name.
    host, port = (getattr(url, part) or url.query.get(part) for part in ("host", "port"))
    return hashlib.sha256(f"{host}:{port}/{url.database}".encode()).hexdigest()[:8]
