from __future__ import annotations

import math
import threading
from collections import Counter

import ConfigSpace as CS
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.engine.events import EndJob, RunDescribed, RunRequested, StartJob
from hpbandster_ng.errors import (
    InvalidArgumentError,
    LogError,
    NoSuggestionError,
    NotPlainError,
    StorageError,
    SuggestionError,
)
from hpbandster_ng.experiments import Experiment
from hpbandster_ng.experiments import exchange as exchange_module
from hpbandster_ng.optimizers import ASHA, BOHB, FreezeThaw, HyperBand, RandomSearch
from tests.experiments.memory_logs import FailingLogs, broken
from tests.waiting import LIMIT, wait_until

SPACE = CS.ConfigurationSpace({"x": (0.0, 1.0), "c": ["a", "b"]})
BUDGETS = {"min_budget": 1, "max_budget": 9}


@pytest.fixture
def logs():
    return FailingLogs()


@pytest.fixture(autouse=True)
def _look_often(monkeypatch):
    monkeypatch.setattr(exchange_module, "_POLL", 0.001)
    monkeypatch.setattr(exchange_module, "_LOOK_FOR_EXPIRED", 0.005)


@pytest.fixture(autouse=True)
def _all_are_closed(monkeypatch):
    made = []
    original = Experiment.__init__

    def note(self, *arguments):
        original(self, *arguments)
        made.append(self)

    monkeypatch.setattr(Experiment, "__init__", note)
    yield
    for each in made:
        each.close()


def create(logs, name="first", optimizer=BOHB, **options):
    return Experiment.create(logs, name, SPACE, optimizer, **BUDGETS | {"n_iterations": 1, "seed": 1} | options)


def loss_of(suggestion):
    return (suggestion.config["x"] - 0.3) ** 2 + 0.1 / suggestion.budget


def work_off(experiment):
    found = []
    while (suggestion := experiment.suggest()) is not None:
        found.append(suggestion)
        experiment.observe(suggestion, loss=loss_of(suggestion))
    return found


def events_of(logs, experiment, kind):
    return [event for record in logs.read(experiment.id) for event in record.events if isinstance(event, kind)]


# From the beginning to the end


@pytest.mark.parametrize("optimizer", [RandomSearch, HyperBand, BOHB, ASHA, FreezeThaw])
def test_it_runs_what_a_master_with_one_worker_would(logs, optimizer, tmp_path):
    def compute(config, budget, **kwargs):
        return {"loss": (config["x"] - 0.3) ** 2 + 0.1 / budget, "info": {}}

    found = work_off(create(logs, optimizer=optimizer, n_iterations=3))
    backend = InProcessBackend(compute, str(tmp_path))
    with optimizer(SPACE, run_id="run", backend=backend, seed=1, **BUDGETS) as master:
        result = master.run(3)
    runs = sorted(result.get_all_runs(), key=lambda run: run.time_stamps["started"])
    configs = {config_id: datum.config for config_id, datum in result.data.items()}
    assert [(each.config_id, each.budget) for each in found] == [(run.config_id, run.budget) for run in runs]
    assert [each.config for each in found] == [configs[run.config_id] for run in runs]


def test_any_handle_goes_on_where_the_others_are(logs):
    first = create(logs, n_iterations=2)
    handles = [first, Experiment.open(logs, first.id), Experiment.open(logs, "first")]
    seen = Counter()
    number = 0
    while (suggestion := handles[number % 3].suggest()) is not None:
        seen[suggestion.config_id, suggestion.budget] += 1
        handles[(number + 1) % 3].observe(suggestion, loss=loss_of(suggestion))
        number += 1
    assert set(seen.values()) == {1}
    assert all(handle.progress.is_finished for handle in handles)
    assert {handle.best().config_id for handle in handles} == {first.best().config_id}
    assert len(first.result().get_all_runs()) == number == 13 + 4


def test_a_finished_experiment_returns_at_once_until_it_is_extended(logs):
    experiment = create(logs)
    assert len(work_off(experiment)) == 13
    again = Experiment.open(logs, "first")
    assert work_off(again) == []
    again.extend(2)
    assert len(work_off(experiment)) == 4
    with pytest.raises(InvalidArgumentError, match="n_iterations=1 must be at least 2, which were asked for before"):
        again.extend(1)
    again.extend(None)
    assert again.progress.n_iterations == math.inf
    assert experiment.suggest() is not None
    planned = [request.planned_runs for request in events_of(logs, experiment, RunRequested)]
    assert planned == [13, 13 + 4, None]


def test_a_process_that_comes_later_knows_all_that_was_asked(logs):
    experiment = create(logs, metadata={"git": "abc"}, parallel_bandwidth=2, lease=30, optimizer=FreezeThaw)
    again = Experiment.open(logs, experiment.id)
    assert (again.name, again.id, again.metadata) == ("first", experiment.id, {"git": "abc"})
    assert again.parallel_bandwidth == 2
    assert again.metrics.as_plain() == experiment.metrics.as_plain()
    assert Experiment.names(logs) == {experiment.id: "first"}


def test_progress_counts_what_there_is(logs):
    experiment = create(logs)
    first, second = experiment.suggest(), experiment.suggest()
    experiment.observe(first, loss=0.5)
    experiment.observe(second, error="out of memory")
    experiment.suggest()
    progress = experiment.progress
    assert (progress.n_iterations, progress.n_begun, progress.open) == (1, 1, 1)
    assert progress.observed == {"succeeded": 1, "failed": 1}
    assert not progress.is_finished
    failed = experiment.result().get_runs_by_id(second.config_id)[0]
    assert failed.error_logs == "out of memory"
    assert failed.loss is None


# Waiting


def test_it_waits_while_a_rung_fills_and_goes_on_when_it_has(logs):
    experiment = create(logs, optimizer=HyperBand)
    first = [experiment.suggest() for _ in range(9)]
    with pytest.raises(NoSuggestionError, match=r"'first' had nothing to be evaluated for timeout=0\.02 .* 9 sugg"):
        experiment.suggest(timeout=0.02)
    got = []
    waiting = threading.Thread(target=lambda: got.append(experiment.suggest()))
    waiting.start()
    for suggestion in first:
        Experiment.open(logs, "first").observe(suggestion, loss=loss_of(suggestion))
    waiting.join(LIMIT)
    assert got[0].budget == 3
    assert got[0].previous_budget == 1


def test_no_more_suggestions_are_open_than_the_bandwidth_allows(logs):
    experiment = create(logs, parallel_bandwidth=2)
    first = experiment.suggest()
    experiment.suggest()
    with pytest.raises(NoSuggestionError):
        Experiment.open(logs, "first").suggest(timeout=0.0)
    experiment.observe(first, loss=0.5)
    assert experiment.suggest(timeout=LIMIT) is not None


# Suggestions that are open


def test_open_suggestions_can_be_taken_over_by_hand(logs):
    experiment = create(logs)
    mine = experiment.suggest(worker="gpu1")
    other = Experiment.open(logs, "first")
    (theirs,) = other.suggestions()
    assert theirs == mine
    assert theirs.worker == "gpu1"
    other.observe(theirs.id, loss=0.5)
    with pytest.raises(SuggestionError, match="is closed"):
        experiment.observe(mine, loss=0.7)
    assert [run.loss for run in experiment.result().get_all_runs()] == [0.5]


def test_closed_suggestions_are_those_whose_evaluation_has_ended(logs):
    experiment = create(logs)
    experiment.release(experiment.suggest())
    given = [experiment.suggest(worker="gpu1") for _ in range(4)]
    experiment.observe(given[1], loss=0.5)
    experiment.observe(given[0], error="it broke")
    logs.expire(experiment.id)
    experiment.observe(experiment.suggest(worker="gpu2"), loss=0.5)
    closed = experiment.suggestions(state="closed")
    assert [(each.worker, each.attempt, each.outcome) for each in closed] == [
        ("gpu1", 1, "succeeded"),
        ("gpu1", 2, "failed"),
        ("gpu2", 2, "succeeded"),
    ]
    assert [closed[0].id, closed[1].id] == [given[1].id, given[0].id]
    assert closed[0].config == given[1].config
    assert {each.outcome for each in experiment.suggestions()} <= {None}


@pytest.mark.parametrize("state", ["opened", None, ["open"]])
def test_there_are_no_other_states(logs, state):
    experiment = create(logs)
    with pytest.raises(InvalidArgumentError, match="must be 'open' or 'closed'"):
        experiment.suggestions(state)
    for each in (state, "closed"):
        with pytest.raises(InvalidArgumentError, match="must be 'open'; "):
            experiment.delete_suggestions(each)


@pytest.mark.parametrize("call", ["observe", "release"])
def test_what_is_no_suggestion_is_refused(logs, call):
    more = {"loss": 0.5} if call == "observe" else {}
    for wrong in (None, 3):
        with pytest.raises(InvalidArgumentError, match=f"suggestion={wrong} must be a Suggestion, or the id of one"):
            getattr(create(logs, exist_ok=True), call)(wrong, **more)


@pytest.mark.parametrize("worker", ["a\0b", "\ud800", " ", 3])
def test_a_worker_has_a_name_that_every_database_can_hold(logs, worker):
    experiment = create(logs)
    with pytest.raises(InvalidArgumentError, match="worker="):
        experiment.suggest(worker=worker)
    assert experiment.suggestions() == []


def test_an_experiment_of_a_later_version_hides_no_other(logs):
    create(logs)
    later = RunDescribed(0.0, "later", {"format": 99, "name": "of tomorrow"})
    logs.create("later", [later])
    assert set(Experiment.names(logs).values()) == {"first", "of tomorrow"}
    with pytest.raises(LogError, match="its format is 99, not 1; use the release that made it"):
        Experiment.open(logs, "later")


def test_an_optimizer_that_cannot_be_made_here_is_one_error(logs, tmp_path, monkeypatch):
    (tmp_path / "broken_optimizer_of_a_test.py").write_text("raise RuntimeError('no GPU')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidArgumentError, match=r"optimizer='broken_optimizer_of_a_test:Mine' .*no GPU"):
        create(logs, optimizer="broken_optimizer_of_a_test:Mine")


def test_a_released_suggestion_is_offered_again_and_that_is_no_loss(logs):
    experiment = create(logs, max_attempts=1)
    first = experiment.suggest()
    experiment.release(first)
    second = experiment.suggest()
    assert (second.config_id, second.config, second.attempt) == (first.config_id, first.config, 2)
    assert second.id != first.id
    with pytest.raises(SuggestionError, match="is closed"):
        experiment.observe(first, loss=0.5)


def test_a_suggestion_whose_process_died_is_offered_again_when_its_lease_has_ended(logs):
    experiment = create(logs)
    lost = Experiment.open(logs, "first").suggest()
    logs.expire(experiment.id)
    again = experiment.suggest()
    assert (again.config_id, again.attempt) == (lost.config_id, 2)
    with pytest.raises(SuggestionError, match="its lease of 60 seconds ended"):
        Experiment.open(logs, "first").observe(lost, loss=0.1)
    experiment.observe(again, loss=0.2)
    assert [run.loss for run in experiment.result().get_all_runs()] == [0.2]


def test_who_is_lost_too_often_is_given_up(logs):
    experiment = create(logs, max_attempts=2, optimizer=RandomSearch)
    for _ in range(2):
        experiment.suggest()
        logs.expire(experiment.id)
    experiment.suggest()
    assert experiment.progress.observed == {"lost": 1}


def test_the_lease_of_a_living_process_is_renewed(logs):
    experiment = create(logs, lease=0.2)
    experiment.suggest()
    renewed = []
    original = logs.renew
    logs.renew = lambda *arguments: renewed.append(arguments) or original(*arguments)
    wait_until(lambda: len(renewed) > 8, "leases are renewed")  # for twice its length
    assert events_of(logs, experiment, StartJob)[0].attempt == 1
    assert Experiment.open(logs, "first").suggest().attempt == 1
    experiment.close()


def test_deleted_suggestions_are_out_and_the_rest_goes_on(logs):
    experiment = create(logs, optimizer=HyperBand)
    for _ in range(3):
        experiment.suggest()
    assert experiment.delete_suggestions(state="open") == 3
    assert experiment.suggestions() == []
    found = work_off(experiment)
    assert experiment.progress.is_finished
    assert Counter(each.budget for each in found) == {1: 6, 3: 3, 9: 1}


# What cannot be


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": " "}, "name=' ' must be a text that is not empty"),
        ({"name": "a\nb"}, r"name='a\nb' must have no control characters"),
        ({"name": "\ud800"}, r"name='\ud800' must have no control characters and no half characters"),
        ({"n_iterations": 0}, "n_iterations=0 must be a whole number of at least 1"),
        ({"parallel_bandwidth": 0}, "parallel_bandwidth=0 must be a whole number of at least 1"),
        ({"lease": 0}, "lease=0 must be a finite number greater than 0"),
        ({"eta": 1}, "eta=1 must be greater than 1"),
        ({"working_directory": "run"}, "working_directory='run' is for a master"),
        ({"topp": 1}, "settings="),
        ({"optimizer": "Nobody"}, "optimizer='Nobody' must be one of "),
        ({"optimizer": "no.module:Nobody"}, "optimizer='no.module:Nobody' must be one of "),
        ({"metrics": []}, "must have one to be optimised"),
        ({"metrics": [{"name": "a"}, {"name": "a"}]}, "must have different names"),
        ({"metrics": [{"nam": "a"}]}, "must be dictionaries of name, objective, strategy and threshold"),
        ({"metrics": [{"name": "a", "objective": "up"}]}, "metrics['a'].objective='up' must be one of"),
        ({"metrics": [{"name": "a", "strategy": "constraint"}]}, "metrics['a'].threshold=None must be a finite number"),
    ],
)
def test_what_cannot_be_is_one_error_and_nothing_is_written(logs, options, words):
    with pytest.raises(InvalidArgumentError) as error:
        create(logs, **options)
    assert words in str(error.value)
    assert logs.names() == []


def test_metadata_must_be_plain(logs):
    with pytest.raises(NotPlainError, match=r"metadata\['model'\] is of type object"):
        create(logs, metadata={"model": object()})
    assert logs.names() == []


def test_a_name_is_taken_once(logs):
    create(logs)
    with pytest.raises(InvalidArgumentError, match="name='first' is taken; open that experiment"):
        create(logs)


def test_an_experiment_that_is_not_there_lists_what_is_like_it(logs):
    with pytest.raises(LogError, match="there is no experiment 'frist' here; there is none at all"):
        Experiment.open(logs, "frist")
    create(logs)
    create(logs, name="second")
    with pytest.raises(LogError, match="there is no experiment 'frist' here; did you mean 'first'"):
        Experiment.open(logs, "frist")
    with pytest.raises(LogError, match=r"there is no experiment '?XYZ'? here; there are 'second' \(\w+\), 'first'"):
        Experiment.open(logs, "XYZ")


def test_what_is_no_experiment_is_refused(logs):
    logs.create("run", [StartJob(0.0, (0, 0, 0), 1.0, 1, "w")])
    with pytest.raises(LogError, match="'run' is no experiment that this release can read: its format is None"):
        Experiment.open(logs, "run")


def test_a_log_that_cannot_be_is_one_error(logs):
    experiment = create(logs)
    work_off(experiment)
    with logs.turn(experiment.id, 0) as turn:
        turn.append(events_of(logs, experiment, EndJob)[:1])
    words = r"record \d+ of experiment 'first' cannot be folded \(.*\); its log is damaged"
    for ask in (experiment.result, Experiment.open(logs, "first").suggest):
        with pytest.raises(LogError, match=words):
            ask()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "must have a value for 'loss'"),
        ({"loss": math.nan}, "metrics['loss']=nan must be a finite number"),
        ({"loss": "good"}, "metrics['loss']='good' must be a finite number"),
        ({"loss": True}, "metrics['loss']=True must be a finite number"),
        ({"loss": 1, "metrics": {"time": 1}}, "metrics='time' must be one of ['loss']"),
    ],
)
def test_an_observation_that_cannot_be_records_nothing(logs, given, words):
    experiment = create(logs)
    suggestion = experiment.suggest()
    with pytest.raises(InvalidArgumentError) as error:
        experiment.observe(suggestion, **given)
    assert words in str(error.value)
    assert experiment.suggestions() == [suggestion]
    experiment.observe(suggestion, loss=0.5)


def test_an_observation_of_another_experiment_is_refused(logs):
    suggestion = create(logs).suggest()
    second = create(logs, name="second")
    with pytest.raises(SuggestionError, match="is no suggestion of experiment 'second'"):
        second.observe(suggestion, loss=0.5)


def test_info_and_metadata_are_kept_or_refused(logs):
    experiment = create(logs)
    suggestion = experiment.suggest()
    with pytest.raises(NotPlainError, match="info is of type object"):
        experiment.observe(suggestion, loss=0.5, info=object())
    experiment.observe(suggestion, loss=0.5, info={"curve": [1, 0.5]}, metadata={"hostname": "gpu1"})
    (run,) = experiment.result().get_all_runs()
    assert run.info == {"curve": [1, 0.5]}
    assert experiment.result().data[run.config_id].results[1.0]["metadata"] == {"hostname": "gpu1"}


# When writing fails


def test_what_could_not_be_written_did_not_happen(logs):
    experiment = create(logs)
    logs.fails = broken
    with pytest.raises(StorageError, match="full"):
        experiment.suggest()
    logs.fails = lambda: None
    suggestion = experiment.suggest()
    assert suggestion.config_id == (0, 0, 0)
    logs.fails = broken
    with pytest.raises(StorageError, match="full"):
        experiment.observe(suggestion, loss=0.5)
    logs.fails = lambda: None
    assert experiment.suggestions() == [suggestion]
    experiment.observe(suggestion, loss=0.6)
    assert [run.loss for run in experiment.result().get_all_runs()] == [0.6]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["suggest", "observe", "fail", "release", "expire", "break", "delete", "late"]),
        st.integers(0, 2),
        st.integers(0, 9),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=40)
@given(STEPS, st.sampled_from([HyperBand, BOHB, ASHA]))
def test_whatever_processes_do_every_job_has_one_outcome(steps, optimizer):
    logs = FailingLogs()
    first = create(logs, optimizer=optimizer, n_iterations=2)
    handles = [first, Experiment.open(logs, first.id), Experiment.open(logs, first.id)]
    closed = []
    for what, handle, number in steps:
        act(logs, handles[handle], what, number, closed)
    logs.expire(first.id)
    logs.fails = lambda: None
    work_off(first)
    ends = Counter(event.key for event in events_of(logs, first, EndJob))
    assert set(ends.values()) == {1}
    ids = [event.worker for event in events_of(logs, first, StartJob)]
    assert len(ids) == len(set(ids))
    assert all(handle.progress.is_finished for handle in handles)
    data = [handle.result().data for handle in handles]
    assert data[0] == data[1] == data[2]
    for handle in handles:
        handle.close()


def act(logs, experiment, what, number, closed):
    logs.fails = broken if what == "break" else lambda: None
    held = experiment.suggestions()
    mine = held[number % len(held)] if held else None
    try:
        if what in ("suggest", "break") or mine is None:
            experiment.suggest(timeout=0.0)
        elif what == "expire":
            logs.expire(experiment.id)
        elif what == "delete" and number == 0:
            experiment.delete_suggestions()
        elif what == "late" and closed:
            with pytest.raises(SuggestionError):
                experiment.observe(closed[number % len(closed)], loss=0.0)
        else:
            closed.append(mine)
            if what == "release":
                experiment.release(mine)
            else:
                experiment.observe(mine, **({"error": "failed"} if what == "fail" else {"loss": number / 10}))
    except (NoSuggestionError, StorageError):
        pass


def test_what_is_deleted_is_gone_with_all_that_was_observed(logs):
    experiment, other = create(logs), create(logs, "second")
    experiment.observe(experiment.suggest(), loss=0.5)
    experiment.delete()
    assert Experiment.names(logs) == {other.id: "second"}
    with pytest.raises(LogError):
        experiment.suggest()
    assert create(logs).progress.observed == {}
