"""Any events, for tests of what keeps them."""

from __future__ import annotations

import dataclasses

from hypothesis import strategies as st

from hpbandster_ng.engine import events as module
from hpbandster_ng.engine.events import (
    Decision,
    Eliminate,
    EndJob,
    EndRequest,
    Event,
    Happening,
    JobFinished,
    OpenIteration,
    QueueJob,
    RunCancelled,
    RunDescribed,
    RunRequested,
    RunResumed,
    StartJob,
    Tick,
    TimeUp,
    WorkerJoined,
    WorkerLost,
)
from hpbandster_ng.engine.records import Job, JobReport, Outcome, OutcomeState
from tests.engine.test_plain_json import VALUES, shape

KINDS = {getattr(module, name) for name in module.__all__} - {Event, Happening, Decision, Tick, TimeUp}
"""Every kind of event that is kept."""

WHOLE = st.integers(-(2**70), 2**70)
NUMBERS = st.floats() | WHOLE
TIMES = st.floats(0, 2e9) | NUMBERS
WORDS = st.text(max_size=8)
CONFIG_IDS = st.tuples(WHOLE, WHOLE, WHOLE)
CONFIGS = st.dictionaries(WORDS, VALUES | st.floats(), max_size=3)
JOBS = st.builds(Job, CONFIG_IDS, NUMBERS, CONFIGS, CONFIGS)
RESULTS = st.fixed_dictionaries({"loss": st.floats(), "info": VALUES})
OUTCOMES = st.builds(Outcome, st.sampled_from(OutcomeState), st.none() | RESULTS, st.none() | WORDS)
REPORTS = st.builds(JobReport, JOBS, OUTCOMES, st.none() | WORDS, TIMES, st.none() | TIMES, TIMES)

BY_KIND = {
    RunDescribed: st.builds(RunDescribed, TIMES, WORDS, CONFIGS),
    RunRequested: st.builds(
        RunRequested,
        TIMES,
        WHOLE,
        st.none() | TIMES,
        st.none() | NUMBERS,
        st.booleans(),
        st.integers(1, 9),
        CONFIGS,
        st.none() | WHOLE,
        st.none() | NUMBERS,
    ),
    RunResumed: st.builds(RunResumed, TIMES),
    RunCancelled: st.builds(RunCancelled, TIMES, WORDS),
    WorkerJoined: st.builds(WorkerJoined, TIMES, WORDS),
    WorkerLost: st.builds(WorkerLost, TIMES, WORDS, WORDS, st.booleans()),
    JobFinished: st.builds(JobFinished, TIMES, CONFIG_IDS, NUMBERS, WHOLE, WORDS, OUTCOMES),
    OpenIteration: st.builds(OpenIteration, TIMES, WHOLE),
    QueueJob: st.builds(QueueJob, TIMES, JOBS),
    StartJob: st.builds(StartJob, TIMES, CONFIG_IDS, NUMBERS, WHOLE, WORDS, st.none() | TIMES, st.none() | NUMBERS),
    Eliminate: st.builds(Eliminate, TIMES, CONFIG_IDS),
    EndJob: st.builds(EndJob, TIMES, REPORTS),
    EndRequest: st.builds(EndRequest, TIMES),
}
EVENTS = st.one_of(*BY_KIND.values())


def shapes(events):
    """Values and types at every level, so that NaN equals NaN, and 1 does not equal 1.0."""
    return [(type(event), shape(dataclasses.asdict(event))) for event in events]
