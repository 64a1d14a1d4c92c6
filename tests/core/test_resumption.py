"""The same script, started again with the same storage, goes on; another one is refused."""

from __future__ import annotations

import contextlib
import signal

import ConfigSpace
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.core.result import logged_results_to_HBS_result
from hpbandster_ng.engine.events import (
    EndJob,
    JobFinished,
    QueueJob,
    RunDescribed,
    RunRequested,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import Outcome, OutcomeState
from hpbandster_ng.errors import (
    HpbandsterError,
    InvalidArgumentError,
    LogError,
    LogExistsError,
    NoWorkersError,
    RunDiffersError,
    StorageBusyError,
    StorageError,
)
from hpbandster_ng.optimizers import ASHA, BOHB, FreezeThaw, HyperBand, RandomSearch
from hpbandster_ng.optimizers.iterations.successivehalving import SuccessiveHalving
from hpbandster_ng.storage.journal import JournalStorage
from hpbandster_ng.storage.legacy_json import json_result_logger
from hpbandster_ng.storage.memory import MemoryStorage
from tests.engine.driver import of_type, rows_executed


def space(**more):
    return ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0), "kind": ["a", "b"], **more})


class Compute:
    """Loss by the configuration and the budget alone; some fail.

    Attributes:
        keys: what was evaluated, in order.
    """

    def __init__(self):
        self.keys = []

    def __call__(self, config_id, config, budget, **_):
        self.keys.append((tuple(config_id), budget))
        if config["x"] > 0.9:
            raise ValueError("x is too large")
        return {"loss": (config["x"] - 0.3) ** 2 + (config["kind"] == "a") / budget, "info": {"x": config["x"]}}


def make(storage, optimizer=HyperBand, configspace=None, compute=None, **changes):
    arguments = {"min_budget": 1, "max_budget": 9, "run_id": "run", "seed": 1, **changes}
    backend = InProcessBackend(compute or Compute())
    return optimizer(configspace or space(), backend=backend, storage=storage, **arguments)


def stored(events):
    storage = MemoryStorage()
    storage.append(events)
    return storage


def outcomes(result):
    return {(run.config_id, run.budget): (run.loss, run.info) for run in result.get_all_runs()}


def run_to_the_end(optimizer=HyperBand, n_iterations=2):
    storage = MemoryStorage()
    with make(storage, optimizer) as master:
        result = master.run(n_iterations=n_iterations)
    return result, list(storage.read())


@pytest.mark.parametrize("optimizer", [HyperBand, BOHB, ASHA, FreezeThaw, RandomSearch])
def test_wherever_a_master_dies_the_next_one_ends_as_if_nothing_had_happened(optimizer):
    undisturbed, log = run_to_the_end(optimizer)
    for cut in range(1, len(log), 1 if optimizer is HyperBand else 7):
        compute, storage = Compute(), stored(log[:cut])
        with make(storage, optimizer, compute=compute) as master:
            result = master.run(n_iterations=2)
        assert outcomes(result) == outcomes(undisturbed), cut
        assert rows_executed(storage.read()) == rows_executed(log)
        done = {event.key for event in log[:cut] if isinstance(event, JobFinished)}
        assert not done & set(compute.keys)
        assert len(set(compute.keys)) == len(compute.keys) == len(outcomes(undisturbed)) - len(done)


def test_a_finished_run_returns_its_result_at_once_and_without_anybody():
    undisturbed, log = run_to_the_end()
    storage = stored(log)
    with HyperBand(  # there is neither a nameserver nor a worker
        space(), min_budget=1, max_budget=9, run_id="run", seed=1, storage=storage, nameserver_port=1
    ) as master:
        result = master.run(n_iterations=2, min_n_workers=100)
    assert outcomes(result) == outcomes(undisturbed)
    assert list(storage.read()) == log


def test_more_iterations_extend_it_as_if_they_had_been_asked_for_at_first():
    _, log = run_to_the_end(n_iterations=1)
    whole, _ = run_to_the_end(n_iterations=3)
    compute = Compute()
    with make(stored(log), compute=compute) as master:
        result = master.run(n_iterations=3)
    assert outcomes(result) == outcomes(whole)
    assert len(compute.keys) == len(outcomes(whole)) - len(of_type(log, EndJob))


def test_each_call_of_run_goes_on_where_the_same_call_was():
    storage = MemoryStorage()
    with make(storage) as master:
        master.run(n_iterations=1)
        undisturbed = master.run(n_iterations=2)
    log = list(storage.read())
    second = max(place for place, event in enumerate(log) if isinstance(event, RunRequested))
    for cut in (second - 3, second, second + 1, second + 9, len(log)):
        storage = stored(log[:cut])
        with make(storage) as master:
            master.run(n_iterations=1)
            result = master.run(n_iterations=2)
        assert outcomes(result) == outcomes(undisturbed)


def test_a_total_budget_is_that_of_the_call_however_often_it_is_made():
    storage = MemoryStorage()
    with make(storage) as master:
        undisturbed = master.run(total_budget=40)
    log = list(storage.read())
    for cut in range(1, len(log), 5):
        with make(stored(log[:cut])) as master:
            assert outcomes(master.run(total_budget=40)) == outcomes(undisturbed)
    compute = Compute()
    with make(stored(log), compute=compute) as master:
        master.run(total_budget=40)
        assert compute.keys == []
    with make(stored(log), compute=compute) as master:
        extended = master.run(total_budget=60)
    assert sum(budget for _, budget in outcomes(extended)) == pytest.approx(60, abs=9)
    assert outcomes(undisturbed).items() <= outcomes(extended).items()


def test_an_earlier_call_leaves_to_the_later_one_what_that_began():
    storage = MemoryStorage()
    with make(storage) as master:
        first = master.run(n_iterations=1)
        undisturbed = master.run(total_budget=9)
    log = list(storage.read())
    second = max(place for place, event in enumerate(log) if isinstance(event, RunRequested))
    for cut in range(second + 1, len(log)):
        with make(stored(log[:cut])) as master:
            assert len(outcomes(master.run(n_iterations=1))) >= len(outcomes(first))
            assert outcomes(master.run(total_budget=9)) == outcomes(undisturbed)


class Kinds(HyperBand):
    """What is passed to the brackets decides how many configurations they have."""

    def get_next_iteration(self, iteration, iteration_kwargs):
        return SuccessiveHalving(
            iteration, [iteration_kwargs["count"]], [9.0], config_sampler=self.config_generator.get_config
        )


def test_the_brackets_of_a_call_are_made_with_what_was_given_to_it():
    storage = MemoryStorage()
    with make(storage, Kinds) as master:
        master.run(1, iteration_kwargs={"count": 4})
        undisturbed = master.run(1, iteration_kwargs={"count": 2})
    log = list(storage.read())
    assert len(outcomes(undisturbed)) == 6
    for cut in range(1, len(log), 2):
        with make(stored(log[:cut]), Kinds) as master:
            master.run(1, iteration_kwargs={"count": 4})
            assert outcomes(master.run(1, iteration_kwargs={"count": 2})) == outcomes(undisturbed)


def test_a_time_limit_counts_from_the_call():
    clock = iter(range(10_000))
    storage = MemoryStorage()
    with make(storage, clock=lambda: float(next(clock))) as master:
        first = master.run(max_time=60)
    with make(storage, clock=lambda: float(next(clock))) as master:
        second = master.run(max_time=60)
    assert 0 < len(outcomes(first)) < len(outcomes(second))


def test_the_seed_of_an_unseeded_run_is_kept():
    storage = MemoryStorage()
    with make(storage, seed=None) as master:
        first = master.run(n_iterations=1)
    with make(storage, seed=None) as again:
        second = again.run(n_iterations=2)
    assert again.seed == master.seed == second.HB_config["seed"]
    assert outcomes(first).items() <= outcomes(second).items()
    assert second.HB_config["time_ref"] == pytest.approx(first.HB_config["time_ref"], abs=0.1)  # not today's


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"eta": 2}, "eta was 3 and is 2"),
        ({"max_budget": 27}, "max_budget was 9 and is 27"),
        ({"optimizer": BOHB}, "optimizer was 'HyperBand' and is 'BOHB'"),
        ({"configspace": space(y=(0, 9))}, "configspace: y of hyperparameters was absent and is {"),
        ({"seed": 2}, "seed was 1 and is 2"),
        ({"run_id": "other"}, "run_id was 'run' and is 'other'"),
        ({"previous_result": run_to_the_end()[0]}, "previous_result was 0 and is "),
    ],
)
def test_another_run_is_refused_with_the_difference_and_nothing_is_written(tmp_path, changes, difference):
    _, log = run_to_the_end(n_iterations=1)
    storage = JournalStorage(tmp_path)
    storage.open()
    storage.append(log)
    storage.close()
    with make(storage, **changes) as master, pytest.raises(RunDiffersError) as error:
        master.run(n_iterations=1)
    assert difference in str(error.value)
    assert list(storage.read()) == log
    JournalStorage(tmp_path).open()  # it is free again


def test_a_newer_configspace_is_no_other_space():
    _, log = run_to_the_end()
    described = log[0]
    assert "x" in repr(described.description["configspace"])
    assert "version" not in repr(described.description["configspace"])


def test_what_is_no_runs_log_is_refused():
    with make(stored([WorkerJoined(0.0, "w")])) as master, pytest.raises(LogError, match="begins with WorkerJoined"):
        master.run(n_iterations=1)


def test_a_settings_object_without_a_text_form_is_no_obstacle():
    storage = MemoryStorage()
    for _ in range(2):
        with make(storage) as master:
            master.config["model"] = object
            assert len(outcomes(master.run(n_iterations=1))) == 13


def test_a_result_logger_writes_the_whole_log_again(tmp_path):
    undisturbed, log = run_to_the_end()
    logger = json_result_logger(tmp_path, overwrite=True)
    with make(stored(log[:40]), result_logger=logger) as master:
        master.run(n_iterations=2)
    assert outcomes(logged_results_to_HBS_result(tmp_path)) == outcomes(undisturbed)


def log_of(directory, storage, **changes):
    """A run on a storage, whose script is started with the logger that it always has."""
    with make(storage, result_logger=json_result_logger(directory), **changes) as master:
        return master.run(n_iterations=2)


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 40, None])
def test_a_script_that_is_started_again_goes_on_with_its_own_log(tmp_path, cut):
    whole = MemoryStorage()
    undisturbed = log_of(tmp_path, whole)
    log = [*whole.read()][:cut]
    again = log_of(tmp_path, stored(log))
    assert outcomes(again) == outcomes(undisturbed) == outcomes(logged_results_to_HBS_result(tmp_path))
    settings = logged_results_to_HBS_result(tmp_path).HB_config
    assert settings["time_ref"] == again.HB_config["time_ref"]


@pytest.mark.parametrize("url", ["journal:{}/run", "sqlite:///{}/run.db"])
def test_its_own_log_is_known_by_what_a_storage_on_a_disk_keeps(tmp_path, url):
    storage = url.format(tmp_path)
    assert outcomes(log_of(tmp_path / "log", storage)) == outcomes(log_of(tmp_path / "log", storage))


def test_a_log_of_which_the_begin_alone_was_written_is_the_runs_own(tmp_path):
    storage = MemoryStorage()
    undisturbed = log_of(tmp_path, storage)
    (tmp_path / "results.json").unlink()
    (tmp_path / "configs.json").write_bytes(b"")
    (tmp_path / "hb_config.json").unlink()
    log_of(tmp_path, storage)
    assert outcomes(logged_results_to_HBS_result(tmp_path)) == outcomes(undisturbed)


@pytest.mark.parametrize(
    ("storage", "changes"),
    [(MemoryStorage, {}), (MemoryStorage, {"run_id": "another"}), (lambda: None, {})],
    ids=["the storage was removed", "another run", "no storage"],
)
def test_the_log_of_another_run_is_refused_before_anything_is_done(tmp_path, storage, changes):
    log_of(tmp_path, MemoryStorage())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    new = storage()
    with pytest.raises(LogExistsError, match=r"must not contain configs\.json, unless this very run wrote it"):
        log_of(tmp_path, new, **changes)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert new is None or list(new.read()) == []


@pytest.mark.parametrize("storage", [MemoryStorage, lambda: None])
def test_a_log_of_a_run_that_cannot_go_on_is_refused_at_once(tmp_path, storage):
    log_of(tmp_path, None)
    with pytest.raises(LogExistsError):
        json_result_logger(tmp_path)
    logger = json_result_logger(tmp_path, overwrite=True)
    with make(storage(), result_logger=logger) as master:
        result = master.run(n_iterations=1)
    assert outcomes(logged_results_to_HBS_result(tmp_path)) == outcomes(result)


def test_a_log_that_is_written_over_by_a_run_without_a_storage_is_nobodys_own(tmp_path):
    storage = MemoryStorage()
    log_of(tmp_path, storage)
    with make(None, result_logger=json_result_logger(tmp_path, overwrite=True)) as master:
        master.run(n_iterations=1)
    with pytest.raises(LogExistsError):
        log_of(tmp_path, storage)


def test_a_file_that_tells_nothing_makes_no_log_anybodys_own(tmp_path):
    storage = MemoryStorage()
    log_of(tmp_path, storage)
    (tmp_path / "run.json").write_bytes(b'{"run_id": "ru')
    with pytest.raises(LogExistsError):
        log_of(tmp_path, storage)


def test_an_observer_may_ask_for_what_was_before():
    class Observer:
        def __init__(self):
            self.earlier, self.now = [], []

        def __call__(self, event):
            self.now.append(event)

        def replay(self, events):
            self.earlier += events

    _, log = run_to_the_end()
    observer = Observer()
    storage = stored(log[:30])
    with make(storage, observers=[observer]) as master:
        master.run(n_iterations=2)
    assert observer.earlier == log[:30]
    assert observer.earlier + observer.now == list(storage.read())


def test_what_runs_when_the_run_is_shut_down_is_not_cancelled_but_goes_on():
    class Interrupting(Compute):
        def __call__(self, **job):
            if len(self.keys) == 5:
                raise KeyboardInterrupt
            return super().__call__(**job)

    undisturbed, _ = run_to_the_end()
    storage = MemoryStorage()
    with make(storage, compute=Interrupting()) as master, pytest.raises(KeyboardInterrupt):
        master.run(n_iterations=2)
    assert OutcomeState.CANCELLED not in {e.report.outcome.state for e in of_type(storage.read(), EndJob)}
    with make(storage) as master:
        assert outcomes(master.run(n_iterations=2)) == outcomes(undisturbed)


def ways_on(caplog):
    return [record.getMessage() for record in caplog.records if "started again, goes on from" in record.getMessage()]


def test_ctrl_c_says_how_to_go_on_once_even_if_the_script_shuts_nothing_down(caplog):
    class Interrupting(Compute):
        def __call__(self, **job):
            raise KeyboardInterrupt

    master = make(MemoryStorage(), compute=Interrupting())
    with pytest.raises(KeyboardInterrupt):
        master.run(n_iterations=1)
    assert len(ways_on(caplog)) == 1
    master.shutdown()
    assert len(ways_on(caplog)) == 1
    with make(None, compute=Interrupting()) as master, pytest.raises(KeyboardInterrupt):
        master.run(n_iterations=1)
    assert len(ways_on(caplog)) == 1


@pytest.mark.parametrize("num_done", [0, 1])
def test_a_signal_says_how_to_go_on_to_who_still_waits_for_workers(caplog, num_done):
    """Of a run of which nothing has begun, and of one that was finished and is to be extended."""
    storage = MemoryStorage()
    if num_done:
        with make(storage) as master:
            master.run(n_iterations=num_done)
    assert not ways_on(caplog)

    def end_it(event):
        if isinstance(event, WorkerJoined):
            signal.raise_signal(signal.SIGTERM)

    with make(storage, observers=[end_it]) as master:
        master.run(n_iterations=2, min_n_workers=2)
    assert len(ways_on(caplog)) == 1
    caplog.clear()
    with make(storage) as master:
        master.run(n_iterations=2)
    assert not ways_on(caplog)


def test_an_optimizer_that_was_shut_down_goes_on_in_the_same_process():
    undisturbed, _ = run_to_the_end(n_iterations=3)
    storage = MemoryStorage()
    master = make(storage)
    master.run(n_iterations=1)
    master.shutdown()
    assert outcomes(master.run(n_iterations=2)) == outcomes(undisturbed)
    master.shutdown()


def test_an_optimizer_notices_another_one_that_only_waited():
    storage = MemoryStorage()
    first = make(storage)
    first.run(n_iterations=1)
    first.shutdown()
    with make(storage, worker_timeout=0.1) as second, pytest.raises(NoWorkersError):
        second.run(n_iterations=2, min_n_workers=2)
    with pytest.raises(StorageBusyError, match="another master has gone on"):
        first.run(n_iterations=1)


def test_who_failed_before_anything_began_holds_no_storage(tmp_path):
    (tmp_path / "file").touch()
    bad = make(f"journal:{tmp_path}/log", working_directory=tmp_path / "file")
    with pytest.raises(InvalidArgumentError, match="working_directory"):
        bad.run(n_iterations=1)
    with make(f"journal:{tmp_path}/log") as good:
        assert len(outcomes(good.run(n_iterations=1))) == 13


def test_an_optimizer_that_was_shut_down_notices_that_another_one_went_on_meanwhile():
    storage = MemoryStorage()
    first = make(storage)
    first.run(n_iterations=1)
    first.shutdown()
    with make(storage) as second:
        second.run(n_iterations=2)
    with pytest.raises(StorageBusyError, match="another master has gone on"):
        first.run(n_iterations=1)


@pytest.mark.parametrize("value", ["run.db", 3, "journal:", "mysql://host/db"])
def test_what_is_no_storage_is_refused_when_it_is_given(value):
    with pytest.raises(InvalidArgumentError, match="storage="):
        make(value)


def test_the_same_run_in_two_processes_at_once_is_refused(tmp_path):
    first = make(f"journal:{tmp_path}")
    first.run(n_iterations=1)
    with make(f"journal:{tmp_path}") as second, pytest.raises(StorageError, match="is written by process"):
        second.run(n_iterations=1)
    first.shutdown()
    with make(f"journal:{tmp_path}") as second:
        assert len(outcomes(second.run(n_iterations=1))) == 13


@pytest.mark.parametrize("kind", [MemoryStorage, JournalStorage])
def test_the_same_storage_object_in_two_optimizers_at_once_is_refused(tmp_path, kind):
    storage = kind(tmp_path / "log") if kind is JournalStorage else kind()
    undisturbed, _ = run_to_the_end()
    first, second = make(storage), make(storage)
    first.run(n_iterations=1)
    with pytest.raises(StorageBusyError, match="another optimizer of this process; call its shutdown"):
        second.run(n_iterations=2)
    second.shutdown()
    first.run(n_iterations=1)
    first.shutdown()
    assert outcomes(second.run(n_iterations=2)) == outcomes(undisturbed)
    second.shutdown()


def test_a_storage_that_fails_ends_the_run_with_its_error_and_keeps_what_was_acknowledged():
    class Full(MemoryStorage):
        num_left = 20

        def append(self, events):
            self.num_left -= len(events)
            if self.num_left < 0:
                raise StorageError("the disk is full")
            super().append(events)

    undisturbed, _ = run_to_the_end()
    full = Full()
    with make(full) as master, pytest.raises(StorageError, match="the disk is full"):
        master.run(n_iterations=2)
    compute = Compute()
    with make(stored(list(full.read())), compute=compute) as master:
        assert outcomes(master.run(n_iterations=2)) == outcomes(undisturbed)
    assert not {event.key for event in full.read() if isinstance(event, JobFinished)} & set(compute.keys)


@pytest.mark.parametrize("handed_back", [True, False])
def test_only_who_dies_with_a_job_counts_as_its_loss(handed_back):
    _, log = run_to_the_end(n_iterations=1)
    started = next(event for event in log if isinstance(event, StartJob))
    begun = [*log[: log.index(started) + 1], WorkerLost(started.at, started.worker, "it left", handed_back)]
    with make(stored(begun), max_attempts=1) as master:
        result = master.run(n_iterations=1)
    (run,) = [run for run in result.get_runs_by_id(started.config_id) if run.budget == started.budget]
    assert (run.outcome is OutcomeState.LOST) == (not handed_back)


def test_late_reports_of_an_earlier_life_change_nothing():
    _, log = run_to_the_end(n_iterations=1)
    place = next(i for i, event in enumerate(log) if isinstance(event, StartJob))
    storage = stored(log[: place + 1])
    late = log[place]
    with make(storage) as master:
        master.wait_for_workers(1)
        loop = master._loop
        outcome = Outcome(OutcomeState.SUCCEEDED, {"loss": -99.0, "info": None})
        loop._handle([JobFinished(loop.clock(), late.config_id, late.budget, late.attempt, late.worker, outcome)])
        assert min(loss for loss, _ in outcomes(master.run(n_iterations=1)).values() if loss is not None) > -99


def test_the_first_entry_describes_the_run():
    _, log = run_to_the_end(n_iterations=1)
    assert isinstance(log[0], RunDescribed)
    assert log[0].description["optimizer"] == "HyperBand"
    assert log[0].description["seed"] == 1


def test_a_log_in_which_something_impossible_happened_is_one_error():
    with make(storage := MemoryStorage()) as master:
        master.run(1)
    events = list(storage.read())
    first = next(number for number, event in enumerate(events) if isinstance(event, QueueJob))
    with pytest.raises(LogError, match=rf"event {first + 1} of .*, a StartJob, cannot be folded"):
        make(stored(events[:first] + events[first + 1 :])).run(1)


@settings(deadline=None, max_examples=60)
@given(st.data(), st.sampled_from([HyperBand, ASHA, FreezeThaw]))
def test_a_log_whose_events_are_out_of_order_is_taken_up_or_refused_by_an_error_of_ours(data, optimizer):
    with make(storage := MemoryStorage(), optimizer) as master:
        master.run(1)
    head, *events = storage.read()
    for _ in range(data.draw(st.integers(1, 4))):
        place, other = (data.draw(st.integers(0, len(events) - 1)) for _ in range(2))
        match data.draw(st.sampled_from(["drop", "double", "swap"])):
            case "drop":
                del events[place]
            case "double":
                events.insert(other, events[place])
            case "swap":
                events[place], events[other] = events[other], events[place]
    master = make(stored([head, *events]), optimizer)
    with contextlib.suppress(HpbandsterError):
        master.result()
        master._opened_loop()
    master.shutdown()
