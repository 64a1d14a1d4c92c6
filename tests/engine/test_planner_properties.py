"""What holds in any order of completions, failures, losses, joins, and late or repeated reports."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpbandster_ng.engine.events import Eliminate, EndJob, Happening, QueueJob, RunCancelled, StartJob, Tick
from hpbandster_ng.engine.pool import JobState
from hpbandster_ng.engine.records import OutcomeState
from hpbandster_ng.engine.schedule import Bracket, hyperband_brackets, repeat
from hpbandster_ng.optimizers.iterations import AsynchronousHalving, SuccessiveHalving, SuccessiveResampling
from tests.engine.driver import (
    FAILED,
    LearningGenerator,
    Simulation,
    continued,
    digest,
    make_async_planner,
    make_planner,
    of_type,
    rows_executed,
    succeeded,
)

BRACKETS = st.sampled_from(
    [
        hyperband_brackets(1, 9, 3),
        hyperband_brackets(1, 4, 2, "paper"),
        (Bracket((4,), (5,)),),
        (Bracket((5, 3, 2), (1, 2, 4)), Bracket((1, 1), (2, 4))),
    ]
)
POOLS = st.fixed_dictionaries(
    {
        "queue_sizes": st.sampled_from([(-1, 0), (0, 1), (0, 5), (-3, 0), (-9, -2), (2, 3)]),
        "max_attempts": st.integers(1, 3),
    }
)
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["succeed"] * 6 + ["fail"] * 2 + ["lose", "join", "repeat", "tick", "request", "resume"]),
        st.integers(0, 7),
        st.integers(-3, 3),
    ),
    max_size=60,
)


class NowAndThenUnsendable(LearningGenerator):
    def get_config(self, budget):
        config, info = super().get_config(budget)
        return (config, info) if config["x"] < 0.9 else ({**config, "model": object()}, info)


@st.composite
def settings_of_a_run(draw, kinds=(SuccessiveHalving, SuccessiveResampling)):
    return {
        "brackets": draw(BRACKETS),
        "iteration_type": draw(st.sampled_from(kinds)),
        "initial_configs": draw(st.sampled_from([(), ({"x": -1},), ({"x": -1}, {"x": -2}, {"x": -3})])),
        "generator_type": draw(st.sampled_from([LearningGenerator, NowAndThenUnsendable])),
        "seed": draw(st.integers(0, 3)),
        **draw(POOLS),
    }


def settings_of_any_run():
    """In step, or asynchronous."""
    return settings_of_a_run((SuccessiveHalving, SuccessiveResampling, AsynchronousHalving))


def planner_of(given_settings):
    kwargs = dict(given_settings)
    make = make_async_planner if kwargs["iteration_type"] is AsynchronousHalving else make_planner
    return make(generator=kwargs.pop("generator_type")(), **kwargs)


def play(sim, moves, watch=lambda sim: None):
    for move, which, loss in moves:
        if move in ("succeed", "fail") and sim.busy:
            outcome = succeeded(float(loss)) if move == "succeed" else FAILED
            sim.finish(sim.busy[which % len(sim.busy)], outcome)
        elif move == "lose" and sim.running:
            sim.lose(list(sim.running)[which % len(sim.running)])
        elif move == "join" and len(sim.running) < 8:
            sim.join()
        elif move == "repeat" and sim.reports:
            sim.repeat(which)
        elif move == "tick":
            assert sim.handle(Tick(sim.now())) == []
        elif move == "resume":
            sim.resume()
        elif move == "request" and len(sim.planner.iterations) < 5:
            sim.request(1)
        watch(sim)
    return sim


def start(given_settings, n_workers=2, n_iterations=2):
    sim = Simulation(planner_of(given_settings))
    for _ in range(n_workers):
        sim.join()
    sim.request(n_iterations)
    return sim


def some_loss(job):
    return float(hash(job.key) % 7)


def assert_nobody_waits_for_nothing(sim):
    planner = sim.planner
    if not planner.is_finished and sim.running:
        assert sim.busy, "workers are there, the run is not finished, and nothing runs"
    if any(task.state is JobState.QUEUED for task in planner.pool.tasks.values()):
        assert len(sim.busy) == len(sim.running), "a job waits while a worker is idle"


MANY = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@MANY
@given(settings_of_any_run(), st.integers(0, 4), MOVES)
def test_every_run_ends_with_one_outcome_a_job_and_nobody_waits_for_nothing(given_settings, n_workers, moves):
    sim = play(start(given_settings, n_workers), moves, assert_nobody_waits_for_nothing)
    sim.drain(some_loss)
    assert sim.planner.is_finished
    assert not sim.planner.pool.tasks
    assert all(iteration.is_finished for iteration in sim.planner.iterations)
    assert {e.job.key for e in of_type(sim.log, QueueJob)} == {e.key for e in of_type(sim.log, EndJob)}


@MANY
@given(settings_of_any_run(), MOVES)
def test_attempts_count_up_and_stay_within_the_limit(given_settings, moves):
    sim = play(start(given_settings), [move for move in moves if move[0] != "resume"])
    sim.drain(some_loss)
    attempts: dict = {}
    for event in of_type(sim.log, StartJob):
        assert event.attempt == attempts.get(event.key, 0) + 1
        attempts[event.key] = event.attempt
    assert max(attempts.values(), default=1) <= given_settings["max_attempts"]
    for event in of_type(sim.log, EndJob):
        if event.report.outcome.state is OutcomeState.LOST:
            assert attempts[event.key] == given_settings["max_attempts"]


@MANY
@given(settings_of_any_run(), MOVES)
def test_that_masters_come_and_go_is_nobodys_loss(given_settings, moves):
    sim = start({**given_settings, "max_attempts": 1})
    for move in moves:
        sim.resume()
        sim.join()
        play(sim, [move] if move[0] != "lose" else [])
    sim.drain(some_loss)
    assert sim.planner.is_finished
    assert OutcomeState.LOST not in {event.report.outcome.state for event in of_type(sim.log, EndJob)}


@MANY
@given(settings_of_any_run(), MOVES)
def test_the_generator_learns_of_each_merit_and_fault_once_and_of_no_loss(given_settings, moves):
    sim = play(start(given_settings), moves)
    sim.cancel()
    told = [(job.id, job.kwargs["budget"]) for job in sim.planner.generator.learned]
    earned = [
        event.key
        for event in of_type(sim.log, EndJob)
        if event.report.outcome.state in (OutcomeState.SUCCEEDED, OutcomeState.FAILED) and event.report.worker_name
    ]
    assert told == earned


@MANY
@given(settings_of_any_run(), MOVES)
def test_who_is_out_is_told_once_and_never_runs_again(given_settings, moves):
    sim = play(start(given_settings), moves)
    sim.drain(some_loss)
    out = [event.config_id for event in of_type(sim.log, Eliminate)]
    status = {config_id: datum.status for each in sim.planner.iterations for config_id, datum in each.data.items()}
    assert sorted(out) == sorted(each for each, state in status.items() if state in ("TERMINATED", "CRASHED"))
    assert set(status.values()) <= {"TERMINATED", "CRASHED", "COMPLETED", "REVIEW"}
    told: set = set()
    for event in sim.log:
        if isinstance(event, Eliminate):
            told.add(event.config_id)
        elif isinstance(event, QueueJob):
            assert event.job.config_id not in told


@MANY
@given(settings_of_any_run(), MOVES)
def test_a_start_tells_the_largest_budget_that_the_configuration_succeeded_on(given_settings, moves):
    sim = play(start(given_settings), moves)
    sim.drain(some_loss)
    succeeded_on: dict = {}
    for event in sim.log:
        if isinstance(event, StartJob):
            assert event.previous_budget == max(succeeded_on.get(event.config_id, ()), default=None)
        elif isinstance(event, EndJob) and event.report.outcome.state is OutcomeState.SUCCEEDED:
            succeeded_on.setdefault(event.report.id, []).append(event.report.job.budget)


@MANY
@given(settings_of_a_run(), MOVES)
def test_no_rung_holds_more_runs_than_planned_and_the_lowest_is_always_full(given_settings, moves):
    sim = play(start(given_settings), moves)
    sim.drain(some_loss)
    plan = repeat(given_settings["brackets"], 0, len(sim.planner.iterations))
    planned = {(iteration, budget): n for iteration, _, n, budget, _ in plan.rows}
    lowest = {(iteration, budget) for iteration, rung, _, budget, _ in plan.rows if rung == 0}
    executed = {(iteration, budget): n for iteration, _, n, budget, _ in rows_executed(sim.log)}
    assert all(n <= planned[rung] for rung, n in executed.items())
    assert all(executed[rung] == planned[rung] for rung in lowest)


@MANY
@given(settings_of_a_run(), st.lists(st.tuples(st.integers(0, 7), st.integers(-3, 3)), max_size=60))
def test_executed_equals_planned_in_any_order_when_nothing_fails(given_settings, order):
    sim = start({**given_settings, "generator_type": LearningGenerator}, n_workers=3, n_iterations=3)
    play(sim, [("succeed", which, loss) for which, loss in order])
    sim.drain(some_loss)
    assert rows_executed(sim.log) == repeat(given_settings["brackets"], 0, 3).rows


@MANY
@given(settings_of_any_run(), MOVES)
def test_initial_configs_run_first_and_in_order(given_settings, moves):
    sim = play(start(given_settings), moves)
    sim.drain(some_loss)
    fresh = {event.job.config_id: event.job for event in reversed(of_type(sim.log, QueueJob))}
    picked = [event.job for event in of_type(sim.log, QueueJob) if event.job is fresh[event.job.config_id]]
    mine = given_settings["initial_configs"]
    assert tuple(job.config for job in picked[: len(mine)]) == mine[: len(picked)]


@MANY
@given(settings_of_any_run(), MOVES)
def test_cancelling_at_any_time_gives_every_open_job_one_outcome(given_settings, moves):
    sim = play(start(given_settings), moves)
    open_jobs = set(sim.planner.pool.tasks)
    decisions = sim.cancel()
    assert {decision.key for decision in decisions} == open_jobs
    assert {d.report.outcome.state for d in decisions} <= {OutcomeState.CANCELLED}
    assert sim.planner.is_finished
    assert not sim.planner.pool.tasks


@MANY
@given(settings_of_any_run(), MOVES, MOVES)
def test_a_cancelled_run_can_be_requested_again_and_ends(given_settings, moves, more):
    sim = play(start(given_settings), moves)
    sim.cancel()
    play(sim, [move for move in more if move[0] != "request"])
    sim.drain(some_loss)
    sim.request(1)
    play(sim, more, assert_nobody_waits_for_nothing)
    sim.drain(some_loss)
    assert sim.planner.is_finished
    assert all(iteration.is_finished for iteration in sim.planner.iterations)


@MANY
@given(settings_of_any_run(), MOVES, st.integers(0, 30))
def test_from_the_deadline_on_nothing_is_started_queued_or_opened(given_settings, moves, seconds):
    sim = Simulation(planner_of(given_settings))
    sim.join()
    sim.join()
    deadline = sim.clock + 1 + seconds
    sim.request(2, deadline)
    play(sim, [move for move in moves if move[0] != "request"])
    while sim.busy:
        sim.finish(sim.busy[0], succeeded(0.0))
    assert {type(e) for e in sim.log if e.at >= deadline and not isinstance(e, Happening)} <= {EndJob, Eliminate}
    sim.request(1)
    sim.drain(some_loss)
    assert sim.planner.is_finished


@SOME
@given(settings_of_any_run(), MOVES, st.booleans())
def test_replay_is_the_same_state_after_every_event_and_decides_the_same_from_there(
    given_settings, moves, is_cancelled
):
    """The heart: what a run does next is a function of its log, wherever the log was cut."""
    digests: dict = {}

    def watch(sim):
        digests[len(sim.log)] = digest(sim.planner)

    sim = play(start(given_settings), moves[:30], watch)
    if is_cancelled:
        sim.cancel()
        sim.request(1)
    sim.drain(some_loss)
    watch(sim)
    replayed = planner_of(given_settings)
    for length, event in enumerate(sim.log, start=1):
        replayed.replay([event])
        if length in digests:
            assert digest(replayed) == digests[length]
    for cut in range(0, len(sim.log), 1 + len(sim.log) // 25):
        resumed = planner_of(given_settings)
        resumed.replay(sim.log[:cut])
        assert continued(resumed, sim.log, cut) == sim.log
        assert digest(resumed) == digests[len(sim.log)]


@SOME
@given(settings_of_any_run(), MOVES)
def test_the_same_seed_and_the_same_happenings_give_the_same_run(given_settings, moves):
    assert play(start(given_settings), moves).log == play(start(given_settings), moves).log


@SOME
@given(settings_of_any_run(), MOVES)
def test_a_cancellation_between_a_report_and_its_end_keeps_the_report(given_settings, moves):
    sim = play(start(given_settings), moves)
    if not sim.busy:
        return
    worker = sim.busy[0]
    cut = len(sim.log) + 1
    key = sim.running[worker].key
    sim.finish(worker, succeeded(0.25))
    resumed = planner_of(given_settings)
    resumed.replay(sim.log[:cut])
    decisions = resumed.handle(RunCancelled(sim.now(), "enough"))
    outcomes = {decision.key: decision.report.outcome.state for decision in decisions}
    assert outcomes.pop(key) is OutcomeState.SUCCEEDED
    assert set(outcomes.values()) <= {OutcomeState.CANCELLED}
