"""Whoever folds the shorter log goes on exactly as whoever folds the whole one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hpbandster_ng.engine.compaction import compacted
from hpbandster_ng.engine.events import (
    EndJob,
    JobFinished,
    OpenIteration,
    QueueJob,
    RunCancelled,
    RunDescribed,
    RunRequested,
    StartJob,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.schedule import Bracket
from tests.engine.driver import Simulation, continued, digest, make_planner, of_type, succeeded
from tests.engine.test_planner_properties import (
    MOVES,
    SOME,
    planner_of,
    play,
    settings_of_any_run,
    some_loss,
    start,
)


def sim_of(**kwargs):
    sim = Simulation(make_planner(**kwargs))
    sim.join()
    sim.join()
    sim.request(1)
    return sim


@SOME
@given(settings_of_any_run(), st.booleans(), MOVES, MOVES, st.booleans())
def test_a_planner_goes_on_the_same_from_the_shorter_log_wherever_it_was_cut(
    given_settings, is_dynamic, moves, more, is_cancelled
):
    if not is_dynamic:
        sizes = (2, 5) if given_settings["queue_sizes"][0] < 0 else given_settings["queue_sizes"]
        given_settings = {**given_settings, "queue_sizes": sizes, "dynamic": False}
    sim = play(start(given_settings), moves)
    if is_cancelled:
        sim.cancel()
        sim.request(1)
    play(sim, more)
    for cut in range(0, len(sim.log) + 1, 1 + len(sim.log) // 25):
        whole, shorter = planner_of(given_settings), planner_of(given_settings)
        whole.replay(sim.log[:cut])
        shorter.replay(compacted(sim.log[:cut]))
        assert digest(shorter) == digest(whole)
        assert continued(shorter, sim.log, cut) == sim.log


@SOME
@given(settings_of_any_run(), MOVES, MOVES)
def test_what_was_made_shorter_goes_on_and_can_be_made_shorter_again(given_settings, moves, more):
    sim = play(start(given_settings), moves)
    cut = len(sim.log)
    play(sim, more)
    once = compacted([*compacted(sim.log[:cut]), *sim.log[cut:]])
    assert once == compacted(sim.log)
    assert compacted(once) == once


@SOME
@given(settings_of_any_run(), MOVES)
def test_of_a_run_that_is_complete_each_job_leaves_two_events(given_settings, moves):
    sim = play(start(given_settings), moves)
    sim.drain(some_loss)
    kept = compacted(sim.log)
    for kind in (RunRequested, OpenIteration, QueueJob, EndJob):
        assert of_type(kept, kind) == of_type(sim.log, kind)
    assert len(of_type(kept, StartJob)) <= len(sim.running)
    assert len(of_type(kept, JobFinished)) <= len(sim.running)


def test_the_description_of_the_run_stays_the_first_event():
    described = RunDescribed(0.0, "run", "session", {"seed": 1})
    assert compacted([described, WorkerJoined(1.0, "w"), WorkerLost(2.0, "w", "left")])[0] == described


def test_the_attempts_of_an_open_job_keep_their_count():
    sim = sim_of(max_attempts=3)
    key = sim.running["w0"].key
    sim.lose("w0")
    sim.finish("w1", succeeded(1.0))  # takes up the other's job
    assert sim.running["w1"].key == key
    planner = make_planner(max_attempts=3)
    planner.replay(compacted(sim.log))
    assert planner.pool.tasks[key].attempt == 2


def test_who_has_been_idle_longest_is_remembered():
    sim = sim_of()
    sim.handle(RunCancelled(sim.now(), "enough"))
    for worker in ("w1", "w0"):
        sim.finish(worker, succeeded(1.0))
    planner = make_planner()
    planner.replay(compacted(sim.log))
    assert list(planner.pool._idle) == ["w1", "w0"]


def test_workers_that_came_and_went_while_no_job_was_open_are_dropped():
    sim = Simulation(make_planner())
    sim.join("stays")
    for _ in range(3):
        sim.join("passes")
        sim.lose("passes")
    assert [event.worker for event in compacted(sim.log)] == ["stays"]


def test_whether_the_pool_asks_for_jobs_is_remembered_although_nobody_is_there():
    sim = Simulation(make_planner((Bracket((2,), (1,)),), queue_sizes=(-1, 2)))
    sim.join()
    sim.request(1)
    sim.finish("w0", succeeded(1.0))
    sim.lose("w0")
    sim.cancel()
    planner = make_planner((Bracket((2,), (1,)),), queue_sizes=(-1, 2))
    planner.replay(compacted(sim.log))
    assert planner.pool.wants_job
    assert digest(planner) == digest(sim.planner)
