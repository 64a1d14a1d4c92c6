"""A run in TensorBoard: scalars and hyperparameters, a folder for each configuration.

The files are written by TensorBoard's own package, without TensorFlow and without threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hpbandster_ng.analysis.standing import Standing
from hpbandster_ng.engine.events import Eliminate, EndJob, Event, QueueJob, RunDescribed
from hpbandster_ng.engine.records import Config, ConfigId, OutcomeState
from hpbandster_ng.errors import MissingExtraError
from hpbandster_ng.integrations.measures import measures_of, step_of

try:
    from tensorboard.compat.proto.event_pb2 import Event as LogEntry
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter
except ImportError as error:
    raise MissingExtraError("TensorboardObserver", "tensorboard", "tensorboard") from error

__all__ = ["TensorboardObserver"]

_FILE = "events.out.tfevents.0.hpbandster_ng"
_FORMAT = "brain.Event:2"
_START, _END = "_hparams_/session_start_info", "_hparams_/session_end_info"
_PLUGIN = "hparams"


class TensorboardObserver:
    """Writes what TensorBoard shows of a run; an entry of ``observers``, for ``tensorboard --logdir DIRECTORY``.

    ==========================  ========================================================================================
    ``DIRECTORY``               scalars ``incumbent/loss`` and ``incumbent/budget`` over the number of runs that ended
    ``DIRECTORY/config_0_0_3``  of each configuration: its hyperparameters, for the tab HPARAMS, and scalars ``loss``,
                                ``budget``, ``seconds`` and the numbers of ``info``, by budget
    ==========================  ========================================================================================

    Where budgets are no whole numbers, the step is their rank. A run that goes on writes its files anew.

    Args:
        directory: of this run alone; made on the first write.

    Example:
        >>> import tempfile
        >>> observer = TensorboardObserver(tempfile.mkdtemp())
        >>> # bohb = BOHB(..., observers=[observer])
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self._standing = Standing()
        self._budgets: Sequence[float] | None = None
        self._begun: set[Path] = set()
        self._open: dict[ConfigId, OutcomeState | None] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case RunDescribed():
                self._budgets = event.description.get("budgets")
            case QueueJob(job=job) if job.config_id not in self._open and self._path(job.config_id) not in self._begun:
                self._open[job.config_id] = None
                start = _hparams(_START, _session_start(job.config, event.at))
                self._write(self._path(job.config_id), event.at, 0, [start])
            case EndJob() if event.report.outcome.state is not OutcomeState.CANCELLED:
                self._end(event)
            case Eliminate(config_id=config_id):
                self._close(config_id, event.at)

    def replay(self, events: Iterable[Event]) -> None:
        for event in events:
            self(event)

    def close(self) -> None:
        """Nothing is open between two events."""

    def _end(self, event: EndJob) -> None:
        report = event.report
        step = step_of(report.job.budget, self._budgets)
        self._open[report.id] = report.outcome.state
        self._write(self._path(report.id), report.finished, step, _scalars(measures_of(report)))
        before = self._standing.incumbent
        self._standing.handle(event)
        if self._standing.incumbent is not before and report.result is not None:
            values = {"incumbent/loss": report.result["loss"], "incumbent/budget": report.job.budget}
            self._write(self.directory, report.finished, self._standing.n_done, _scalars(values))
        if self._budgets and report.job.budget == max(self._budgets):
            self._close(report.id, report.finished)

    def _close(self, config_id: ConfigId, at: float) -> None:
        """It will never run again."""
        if config_id in self._open:
            state = self._open.pop(config_id)
            self._write(self._path(config_id), at, 0, [_hparams(_END, _session_end(state, at))])

    def _path(self, config_id: ConfigId) -> Path:
        return self.directory / "config_{}_{}_{}".format(*config_id)

    def _write(self, directory: Path, at: float, step: int, values: Sequence[Any]) -> None:
        is_new = directory not in self._begun
        self._begun.add(directory)
        directory.mkdir(parents=True, exist_ok=True)
        entries = [LogEntry(wall_time=at, file_version=_FORMAT)] if is_new else []
        entries.append(LogEntry(wall_time=at, step=step, summary=Summary(value=values)))
        with (directory / _FILE).open("wb" if is_new else "ab") as file:
            writer = RecordWriter(file)
            for entry in entries:
                writer.write(entry.SerializeToString())


def _scalars(values: Mapping[str, float]) -> list[Any]:
    return [Summary.Value(tag=name, simple_value=float(value)) for name, value in values.items()]


def _hparams(tag: str, data: Any) -> Any:
    plugin = SummaryMetadata.PluginData(plugin_name=_PLUGIN, content=data.SerializeToString())
    return Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))


def _session_start(config: Config, at: float) -> Any:
    info = plugin_data_pb2.SessionStartInfo(start_time_secs=at)
    for name, value in config.items():
        if isinstance(value, bool):
            info.hparams[name].bool_value = value
        elif isinstance(value, int | float):
            info.hparams[name].number_value = value
        else:
            info.hparams[name].string_value = str(value)
    return plugin_data_pb2.HParamsPluginData(version=0, session_start_info=info)


def _session_end(state: OutcomeState | None, at: float) -> Any:
    status = api_pb2.STATUS_SUCCESS if state is OutcomeState.SUCCEEDED else api_pb2.STATUS_FAILURE
    info = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=at)
    return plugin_data_pb2.HParamsPluginData(version=0, session_end_info=info)
