"""What every backend must hold, as tests: subclass :class:`LosableWorkersContract` in a test module.

Example::

    class TestMyBackend(LosableWorkersContract):
        @contextlib.contextmanager
        def opened(self, directory):
            with my_cluster(n_workers=self.n_workers) as cluster:
                yield MyBackend(cluster, Acts, working_directory=directory)

        def lose(self, pid):
            os.kill(pid, signal.SIGKILL)

and pytest runs them all. A backend whose workers are never lost is held to :class:`ParallelBackendContract`, and one
that computes in the thread of the loop to :class:`BackendContract`. What is evaluated stands in
:mod:`hpbandster_ng.testing.evaluations`, which workers can import.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from hpbandster_ng.backends.base import Backend, config_directory
from hpbandster_ng.engine.events import EndJob, Event, JobFinished, StartJob
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.optimizers import BOHB
from hpbandster_ng.testing.calling import (
    LIMIT,
    Caller,
    called,
    check_order,
    meanwhile,
    search,
    send_to_main_thread,
    wait_until,
    wait_until_gone,
)
from hpbandster_ng.testing.evaluations import begun, let_go_on

__all__ = ["BackendContract", "LosableWorkersContract", "ParallelBackendContract"]

_FAILURES = {
    "raise": (OutcomeState.FAILED, "ValueError: as it was told to"),
    "exit": (OutcomeState.FAILED, "SystemExit: as it was told to"),
    "return None": (OutcomeState.INVALID, "compute returned None"),
    "return NaN": (OutcomeState.INVALID, "not finite"),
    "return an object": (OutcomeState.INVALID, "info['model'] is of type object"),
}
"""Of what does not end the process: how it ends, and what the error tells."""


class BackendContract:
    """Tests of any backend."""

    def opened(self, directory: Path) -> AbstractContextManager[Backend]:
        """A backend that is not started, and all that it needs; its workers evaluate by ``Acts``.

        The test closes the backend; the end of the block ends whatever else was started for it, workers that hang
        included.

        Args:
            directory: of the run; is there, and empty.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement opened(directory)")

    def test_a_job_ends_with_what_compute_returned_for_its_arguments(self, tmp_path: Path) -> None:
        with self._called(tmp_path) as caller:
            for previous, name in ((None, "ü"), (3.0, 10_000 * "ü")):  # what is large may take another way
                config = {"x": 0.25, "layers": [1, 2], "name": name}
                start = caller.submit(config, previous_budget=previous)
                outcome = caller.end_of(start)
                assert outcome.state is OutcomeState.SUCCEEDED, outcome.error
                assert outcome.result is not None
                assert outcome.result["loss"] == 0.25
                info = outcome.result["info"]
                assert info["arguments"] == {
                    "config_id": start.config_id,
                    "config": config,
                    "budget": start.budget,
                    "working_directory": config_directory(str(tmp_path), start.config_id),
                    "previous_budget": previous,
                }
                assert info["has_directory"]
            assert list(tmp_path.glob("config_*")) == []

    def test_what_travels_with_a_job_is_entered_around_it_alone(self, tmp_path: Path) -> None:
        """Also around the next one in the same process, and a tool that is not installed there is no harm."""
        with self._called(tmp_path) as caller:
            for context in (
                {},
                {"testing": {"run": "ü", "url": "http://x"}, "unheard of": {}},
                {"testing": {"a": "b"}},
                {},
            ):
                for time_limit in (None, LIMIT):
                    outcome = caller.end_of(caller.submit({"x": 1}, time_limit=time_limit, context=context))
                    assert outcome.result is not None, outcome.error
                    assert outcome.result["info"]["context"] == context.get("testing")

    def test_whatever_fails_is_one_outcome_and_the_worker_goes_on(self, tmp_path: Path) -> None:
        with self._called(tmp_path) as caller:
            for act, (state, text) in _FAILURES.items():
                outcome = caller.outcome_of({"act": act})
                assert outcome.state is state, act
                assert outcome.result is None
                assert text in str(outcome.error)
                assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED
            assert not caller.lost

    def test_what_takes_longer_than_its_limit_is_ended_and_the_worker_goes_on(self, tmp_path: Path) -> None:
        with self._called(tmp_path) as caller:
            outcome = caller.outcome_of({"act": "hang"}, time_limit=1.0)
            assert outcome.state is OutcomeState.TIMED_OUT
            assert "longer than its time limit of 1 seconds" in str(outcome.error)
            wait_until_gone(begun(tmp_path))  # nobody, if the time was up before it began
            assert caller.outcome_of({"x": 1}, time_limit=LIMIT).state is OutcomeState.SUCCEEDED
            assert not caller.lost

    def test_it_may_be_closed_twice_and_before_it_was_started(self, tmp_path: Path) -> None:
        with self.opened(tmp_path) as backend:
            backend.close(shutdown_workers=True)
            backend.start(time.monotonic)
            backend.close(shutdown_workers=True)
            backend.close(shutdown_workers=True)

    def test_started_again_its_workers_join_anew(self, tmp_path: Path) -> None:
        with self._called(tmp_path) as caller:
            for _ in range(2):
                assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED
                caller.submit({"x": 2})  # whose end is no matter of the next session
                caller.backend.close(shutdown_workers=False)
                caller.start()
            assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED

    def test_a_thousand_jobs_of_a_run_end_once_each(self, tmp_path: Path) -> None:
        events: list[Event] = []
        with self.opened(tmp_path) as backend, search(backend, events) as optimizer:
            result = optimizer.run(n_iterations=1000)
        check_order(events)
        for kind in (StartJob, JobFinished, EndJob):
            assert Counter(Counter(event.key for event in events if isinstance(event, kind)).values()) == {1: 1000}
        configs = result.get_id2config_mapping()
        runs = result.get_all_runs()
        assert len(runs) == 1000
        assert all(run.loss == configs[run.config_id]["config"]["x"] for run in runs)
        built: dict[int, set[str]] = {}
        for run in runs:
            built.setdefault(run.info["pid"], set()).add(run.info["built"])
        assert all(len(objects) == 1 for objects in built.values()), "a process builds its worker once"

    def test_an_optimizer_learns_how_every_job_ended_and_runs_again_after_its_shutdown(self, tmp_path: Path) -> None:
        events: list[Event] = []
        acts = ["succeed", *_FAILURES]
        expected = {"succeed": OutcomeState.SUCCEEDED, **{act: state for act, (state, _) in _FAILURES.items()}}
        with self.opened(tmp_path) as backend, search(backend, events, *acts, kind=BOHB, max_budget=9) as optimizer:
            first = optimizer.run(n_iterations=2).get_all_runs()
            optimizer.shutdown()
            result = optimizer.run(n_iterations=1)
            configs = result.get_id2config_mapping()
            runs = result.get_all_runs()
            assert len(runs) > len(first) > 0
            assert {configs[run.config_id]["config"]["act"] for run in runs} == set(acts)
            for run in runs:
                assert run.outcome is expected[configs[run.config_id]["config"]["act"]]

    def test_a_run_that_the_user_interrupts_goes_on_when_it_is_run_again(self, tmp_path: Path) -> None:
        events: list[Event] = []

        def interrupt() -> None:
            wait_until(lambda: begun(tmp_path), "an evaluation has begun")
            send_to_main_thread(signal.SIGINT)

        with self.opened(tmp_path) as backend, search(backend, events, "wait") as optimizer:
            with meanwhile(interrupt):
                try:
                    optimizer.run(n_iterations=1)
                except KeyboardInterrupt:
                    is_interrupted = True
                else:
                    is_interrupted = False
            assert is_interrupted
            let_go_on(tmp_path)
            result = optimizer.run(n_iterations=1)
        assert [run.outcome for run in result.get_all_runs()] == [OutcomeState.SUCCEEDED] * 2
        assert sum(isinstance(event, JobFinished) for event in events) == 2

    @contextlib.contextmanager
    def _called(self, directory: Path) -> Iterator[Caller]:
        with self.opened(directory) as backend, called(backend) as caller:
            yield caller


class ParallelBackendContract(BackendContract):
    """Tests of a backend whose workers compute at the same time, elsewhere than in the thread of the loop."""

    n_workers = 2
    """So many workers has what :meth:`opened` yields; at least 2."""

    close_ends_jobs = True
    """Whether closing ends what runs; otherwise its worker goes on with it, and nobody waits for that."""

    def test_all_workers_compute_at_the_same_time(self, tmp_path: Path) -> None:
        with self._called(tmp_path) as caller:
            starts = self._begin_everywhere(caller, tmp_path, "wait")
            let_go_on(tmp_path)
            for start in starts:
                assert caller.end_of(start).state is OutcomeState.SUCCEEDED

    def test_a_configuration_that_cannot_be_sent_fails_and_the_worker_goes_on(self, tmp_path: Path) -> None:
        with self._called(tmp_path) as caller:
            outcome = caller.outcome_of({"x": "half a character: \udcff"})
            assert outcome.state is OutcomeState.FAILED
            assert "config" in str(outcome.error)
            assert "cannot be sent" in str(outcome.error)
            assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED

    def test_closing_does_not_wait_for_what_runs(self, tmp_path: Path) -> None:
        with self._called(tmp_path) as caller:
            self._begin_everywhere(caller, tmp_path, "hang")
            caller.backend.close(shutdown_workers=True)
            self._check_ended(tmp_path)
            rest = list(iter(lambda: caller.backend.next_event(0), None))
            assert not any(isinstance(happening, JobFinished) for happening in rest)

    def test_what_ran_when_it_was_closed_is_not_reported_when_it_was_started_again(self, tmp_path: Path) -> None:
        with self._called(tmp_path) as caller:
            self._begin_everywhere(caller, tmp_path, "wait")
            caller.backend.close(shutdown_workers=False)
            caller.start()
            let_go_on(tmp_path)
            for _ in range(2 * self.n_workers):
                assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED  # the caller refuses other ends

    def test_what_nobody_has_looked_at_when_it_was_closed_is_not_reported_either(self, tmp_path: Path) -> None:
        with self._called(tmp_path) as caller:
            self._begin_everywhere(caller, tmp_path, "wait")
            let_go_on(tmp_path)
            wait_until(lambda: not list(tmp_path.glob("config_*")), "all have computed, and tidied up")
            caller.backend.close(shutdown_workers=False)
            caller.start()
            for _ in range(2 * self.n_workers):
                assert caller.outcome_of({"x": 1}).state is OutcomeState.SUCCEEDED

    def test_a_run_that_is_told_to_end_cancels_what_runs(self, tmp_path: Path) -> None:
        events: list[Event] = []
        with self.opened(tmp_path) as backend:
            with search(backend, events, "hang") as optimizer, self._ended_once_begun(tmp_path):
                assert optimizer.run(n_iterations=self.n_workers).get_all_runs() == []
            self._check_ended(tmp_path)
        outcomes = [event.report.outcome.state for event in events if isinstance(event, EndJob)]
        assert outcomes == [OutcomeState.CANCELLED] * self.n_workers
        assert not any(isinstance(event, JobFinished) for event in events)

    def test_a_run_with_a_storage_that_is_told_to_end_is_gone_on_with(self, tmp_path: Path) -> None:
        events: list[Event] = []
        storage = f"journal:{tmp_path}/log"
        with self.opened(tmp_path) as backend:
            optimizer = search(backend, events, "wait", storage=storage)
            with self._ended_once_begun(tmp_path):
                optimizer.run(n_iterations=self.n_workers)
            optimizer.shutdown()
            assert not any(isinstance(event, EndJob) for event in events)
            let_go_on(tmp_path)
            with search(backend, events, "wait", storage=storage) as optimizer:
                result = optimizer.run(n_iterations=self.n_workers)
        assert [run.outcome for run in result.get_all_runs()] == [OutcomeState.SUCCEEDED] * self.n_workers
        attempts = Counter(event.attempt for event in events if isinstance(event, StartJob))
        assert attempts == {1: self.n_workers, 2: self.n_workers}

    def _begin_everywhere(self, caller: Caller, directory: Path, act: str) -> list[StartJob]:
        starts = [caller.submit({"x": number, "act": act}) for number in range(self.n_workers)]
        wait_until(lambda: len(begun(directory)) == self.n_workers, "all workers compute", caller.take_what_is_there)
        assert len({start.worker for start in starts}) == self.n_workers
        return starts

    def _check_ended(self, directory: Path) -> None:
        if self.close_ends_jobs:
            wait_until_gone(begun(directory))

    def _ended_once_begun(self, directory: Path) -> AbstractContextManager[None]:
        """As a cluster ends a run, when all workers compute."""

        def end() -> None:
            wait_until(lambda: len(begun(directory)) == self.n_workers, "all workers compute")
            send_to_main_thread(signal.SIGTERM)

        return meanwhile(end)


class LosableWorkersContract(ParallelBackendContract):
    """Tests of a backend whose workers may go, as their machine does."""

    def lose(self, pid: int) -> None:
        """Take away the worker that computes in this process, at once; another one is there, or comes."""
        raise NotImplementedError(f"{type(self).__name__} must implement lose(pid)")

    def test_a_worker_that_is_lost_costs_its_own_job_alone(self, tmp_path: Path) -> None:
        with self._called(tmp_path) as caller:
            start = caller.submit({"x": 1, "act": "wait"})
            wait_until(lambda: begun(tmp_path), "it computes", caller.take_what_is_there)
            others = [caller.submit({"x": 2, "act": "wait"}) for _ in range(self.n_workers - 1)]
            wait_until(lambda: len(begun(tmp_path)) == self.n_workers, "all compute", caller.take_what_is_there)
            self.lose(begun(tmp_path)[0])
            wait_until(lambda: caller.lost, "it is lost", caller.take_what_is_there)
            assert [lost.worker for lost in caller.lost] == [start.worker]
            assert caller.lost[0].reason
            assert not caller.lost[0].handed_back
            let_go_on(tmp_path)
            again = caller.submit({"x": 1, "act": "wait"}, attempt=2)
            for other in [again, *others]:
                assert caller.end_of(other).state is OutcomeState.SUCCEEDED
            assert len(caller.lost) == 1

    def test_a_run_tries_the_job_of_a_lost_worker_again(self, tmp_path: Path) -> None:
        events: list[Event] = []

        def lose() -> None:
            self._lose_once_begun(tmp_path, 1)
            let_go_on(tmp_path)

        with self.opened(tmp_path) as backend, search(backend, events, "wait") as optimizer:
            with meanwhile(lose):
                result = optimizer.run(n_iterations=1)
            optimizer.shutdown(shutdown_workers=True)
        assert [run.outcome for run in result.get_all_runs()] == [OutcomeState.SUCCEEDED]
        assert [event.attempt for event in events if isinstance(event, StartJob)] == [1, 2]
        check_order(events)

    def test_a_job_that_loses_its_worker_too_often_is_lost(self, tmp_path: Path) -> None:
        events: list[Event] = []

        def lose() -> None:
            for count in (1, 2):
                self._lose_once_begun(tmp_path, count)

        with self.opened(tmp_path) as backend, search(backend, events, "wait", max_attempts=2) as optimizer:
            with meanwhile(lose):
                (run,) = optimizer.run(n_iterations=1).get_all_runs()
            optimizer.shutdown(shutdown_workers=True)
        assert run.outcome is OutcomeState.LOST
        assert "in attempt 2 of 2" in str(run.error_logs)
        assert [event.attempt for event in events if isinstance(event, StartJob)] == [1, 2]
        check_order(events)

    def _lose_once_begun(self, directory: Path, count: int) -> None:
        wait_until(lambda: len(begun(directory)) == count, f"it computes for the {count}. time")
        self.lose(begun(directory)[-1])
