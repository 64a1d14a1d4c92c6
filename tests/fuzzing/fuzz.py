"""Feeds a reader what a fuzzer makes up: ``python -m tests.fuzzing.fuzz TARGET FOLDER RUNS``.

Whatever the reader raises that is not of our own tree ends the process with a traceback.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["hpbandster_ng"]):
    from hpbandster_ng.backends.pyro.credentials import read_credentials, read_secret
    from hpbandster_ng.backends.pyro.wire import Attempt, decode_report, encode_report
    from hpbandster_ng.engine.events import RunRequested, WorkerJoined
    from hpbandster_ng.engine.records import Outcome, OutcomeState
    from hpbandster_ng.errors import HpbandsterError
    from hpbandster_ng.storage.journal import JournalStorage
    from hpbandster_ng.storage.legacy_json import json_result_logger, read_log

BETWEEN = b"\n--\n"
"""Stands between the two files of a log in JSON."""


def journal(content: bytes, folder: Path) -> None:
    (folder / "journal").write_bytes(content)
    for _ in JournalStorage(folder).read():
        pass


def credentials(content: bytes, folder: Path) -> None:
    path = folder / "credentials.json"
    path.write_bytes(content)
    path.chmod(0o600)
    for read in (read_credentials, read_secret):
        with contextlib.suppress(HpbandsterError):
            read(path)


def logs(content: bytes, folder: Path) -> None:
    configs, _, results = content.partition(BETWEEN)
    (folder / "configs.json").write_bytes(configs)
    (folder / "results.json").write_bytes(results)
    read_log(folder)


def wire(content: bytes, folder: Path) -> None:
    decode_report(content.decode("utf-8", errors="surrogateescape"))


def seeds(target: str, folder: Path) -> list[bytes]:
    """What the package itself would write."""
    if target == "journal":
        storage = JournalStorage(folder / "seed")
        storage.open()
        storage.append([RunRequested(0.0, 1), WorkerJoined(1.0, "w")])
        storage.close()
        return [(folder / "seed" / "journal").read_bytes()]
    if target == "logs":
        logger = json_result_logger(folder / "seed")
        logger.new_config((0, 0, 0), {"x": 0.5}, {})
        directory = folder / "seed"
        result = (
            b'[[0, 0, 0], 1.0, {"submitted": 0.0, "started": 1.0, "finished": 2.0}, {"loss": 1, "info": {}}, null]\n'
        )
        return [(directory / "configs.json").read_bytes() + BETWEEN + result]
    if target == "credentials":
        return [b'{"host": "127.0.0.1", "port": 9090}', b'{"host": "h", "port": 1, "authority": "", "key": ""}']
    outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": 0.5, "info": {"a": (1, 2)}})
    return [encode_report(Attempt((0, 0, 0), 9.0, 1, "session"), outcome).encode()]


TARGETS = {"journal": journal, "credentials": credentials, "logs": logs, "wire": wire}


def main() -> None:
    name, place, runs = sys.argv[1:]
    folder = Path(place)
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, content in enumerate(seeds(name, folder)):
        (corpus / str(number)).write_bytes(content)

    def feed(content: bytes) -> None:
        with contextlib.suppress(HpbandsterError):
            TARGETS[name](content, folder)

    atheris.Setup([sys.argv[0], f"-runs={runs}", "-max_len=4096", f"-artifact_prefix={folder}/", str(corpus)], feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
