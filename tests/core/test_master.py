"""The master with a backend that needs no network, and a few runs over Pyro4 where the network is the point."""

from __future__ import annotations

import gc
import itertools
import logging
import shutil
import threading
import time
import tracemalloc
from pathlib import Path

import ConfigSpace
import numpy as np
import pytest

from hpbandster_ng.backends.inprocess import InProcessBackend
from hpbandster_ng.core.base_config_generator import base_config_generator
from hpbandster_ng.core.base_iteration import BaseIteration
from hpbandster_ng.core.master import Master
from hpbandster_ng.core.nameserver import NameServer
from hpbandster_ng.core.worker import Worker
from hpbandster_ng.engine.events import EndJob, RunCancelled
from hpbandster_ng.errors import HpbandsterError, IllegalTransitionError, NoWorkersError
from hpbandster_ng.optimizers.asha import ASHA
from hpbandster_ng.optimizers.config_generators.random_sampling import RandomSampling
from hpbandster_ng.optimizers.hyperband import HyperBand
from hpbandster_ng.optimizers.iterations import SuccessiveHalving
from hpbandster_ng.optimizers.randomsearch import RandomSearch

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0)})


def compute(config, budget, **kwargs):
    return {"loss": config["x"] / budget, "info": {}}


def crash_above_half(config, budget, **kwargs):
    if config["x"] > 0.5:
        raise RuntimeError("as told")
    return {"loss": config["x"] / budget, "info": {}}


def hyperband(function=compute, **options):
    backend = InProcessBackend(function)
    return HyperBand(
        SPACE, **{"min_budget": 1, "max_budget": 9, "run_id": "run", "backend": backend, "seed": 1} | options
    )


def picked(result):
    return [datum.config["x"] for _, datum in sorted(result.data.items())]


# Rows 14 to 16 of what users suffer from


def test_initial_configs_run_first_and_in_order():
    initial = [{"x": 0.25}, {"x": 0.75}, {"x": 0.5}]
    with hyperband(initial_configs=initial) as master:
        result = master.run(1)
    assert [{"x": x} for x in picked(result)[:3]] == initial
    infos = [datum.config_info for _, datum in sorted(result.data.items())]
    assert all("initial configuration" in info["random_reason"] for info in infos[:3])


def test_the_same_seed_gives_the_same_configurations_and_touches_no_global_generator():
    state = np.random.get_state(legacy=False)["state"]["key"].tobytes()
    results = []
    for seed in (7, 7, 8):
        with hyperband(seed=seed) as master:
            results.append(picked(master.run(3)))
    assert results[0] == results[1] != results[2]
    assert np.random.get_state(legacy=False)["state"]["key"].tobytes() == state


def test_a_drawn_seed_is_known_afterwards_and_reproduces_the_run():
    with hyperband(seed=None) as master:
        first = master.run(1)
    with hyperband(seed=first.HB_config["seed"]) as master:
        assert picked(master.run(1)) == picked(first)


def test_an_observer_that_raises_harms_neither_the_run_nor_the_others(caplog):
    seen = []

    def bad(event):
        raise RuntimeError("in the observer")

    with caplog.at_level(logging.ERROR, "hpbandster_ng"), hyperband(observers=[bad, seen.append]) as master:
        result = master.run(1)
    assert len(result.get_all_runs()) == sum(isinstance(event, EndJob) for event in seen) == 13
    assert sum("RuntimeError: in the observer" in record.exc_text for record in caplog.records if record.exc_text) == 1


def test_a_result_logger_of_the_predecessors_shape_sees_all():
    class Logger:
        def __init__(self):
            self.configs, self.jobs = [], []

        def new_config(self, config_id, config, config_info):
            self.configs.append((config_id, config, config_info))

        def __call__(self, job):
            self.jobs.append((job.id, job.kwargs["budget"], job.result, job.exception, sorted(job.timestamps)))

    logger = Logger()
    with hyperband(result_logger=logger) as master:
        result = master.run(1)
    assert [config_id for config_id, _, _ in logger.configs] == sorted(result.data)
    assert len(logger.jobs) == 13
    assert logger.jobs[0][4] == ["finished", "started", "submitted"]


# Running


def test_run_may_be_called_again_and_goes_on():
    with hyperband() as master:
        assert master.run(1).num_iterations() == 1
        assert master.active_iterations() == []
        result = master.run(2)
    assert result.num_iterations() == 3
    with hyperband() as master:
        assert picked(master.run(3)) == picked(result)


def test_max_time_returns_what_there_is_and_a_further_run_goes_on():
    ticks = itertools.count()
    with hyperband(clock=lambda: float(next(ticks))) as master:
        first = master.run(500, max_time=300.0)
        n_first = len(first.get_all_runs())
        assert n_first > 0
        assert first.num_iterations() < 500
        open_before = master.active_iterations()
        second = master.run(1)
        assert master.active_iterations() == []
    assert len(second.get_all_runs()) > n_first
    assert len(open_before) <= 1


def costs(result):
    return [run.budget for run in sorted(result.get_all_runs(), key=lambda run: run.time_stamps["submitted"])]


def test_without_any_limit_one_iteration_is_run():
    with hyperband() as master:
        assert master.run().num_iterations() == 1
        assert len(master.run().get_all_runs()) == 13 + 4


@pytest.mark.parametrize(
    ("n_iterations", "total_budget", "expected", "n_opened"),
    [
        (None, 100, 27 + 18 + 27 + 27, 5),  # the fifth is open: its first job would cost 3
        (2, 100, 27 + 18, 2),
        (2, 30, 27 + 3, 2),
        (None, np.float32(28), 27, 2),
        (np.int64(1), np.int64(1000), 27, 1),
    ],
)
def test_a_run_ends_with_its_iterations_or_its_budget(n_iterations, total_budget, expected, n_opened):
    with hyperband() as master:
        result = master.run(n_iterations, total_budget=total_budget)
        assert sum(costs(result)) == expected
        assert len(master.iterations) == n_opened


def test_budgets_of_several_runs_add_up_to_one_run():
    with hyperband() as master:
        for total_budget in (5, 4, 9, 9, 30):
            result = master.run(total_budget=total_budget)
    with hyperband() as master:
        whole = master.run(total_budget=57)
    assert costs(result) == costs(whole)
    assert picked(result) == picked(whole)


def test_less_than_the_next_job_costs_starts_nothing():
    with hyperband() as master:
        master.run(total_budget=18)
        before = len(master.result().get_all_runs())
        assert len(master.run(total_budget=8).get_all_runs()) == before
        assert len(master.run(total_budget=9).get_all_runs()) == before + 1


def test_time_alone_says_when_to_stop():
    ticks = itertools.count()
    with hyperband(clock=lambda: float(next(ticks))) as master:
        result = master.run(max_time=1000.0)
    assert result.num_iterations() > 3
    assert next(ticks) < 1100


@pytest.mark.parametrize(("max_time", "total_budget", "is_spent"), [(1e9, 60, True), (100.0, 1e9, False)])
def test_time_and_budget_whichever_comes_first(max_time, total_budget, is_spent):
    ticks = itertools.count()
    with hyperband(clock=lambda: float(next(ticks))) as master:
        cost = sum(costs(master.run(max_time=max_time, total_budget=total_budget)))
    assert (cost > total_budget - 9) is is_spent
    assert cost <= total_budget


def test_max_time_holds_even_while_nobody_has_come_to_work():
    with NameServer("run", port=0) as nameserver:
        options = {"backend": None, "nameserver_port": nameserver.port}
        begin = time.monotonic()
        with hyperband(**options) as master:
            assert master.run(1, max_time=0.5).get_all_runs() == []
        assert time.monotonic() - begin < 5.0


def test_too_few_workers_are_one_error_in_time():
    with NameServer("run", port=0) as nameserver:
        options = {"backend": None, "nameserver_port": nameserver.port, "worker_timeout": 0.3}
        begin = time.monotonic()
        with hyperband(**options) as master, pytest.raises(NoWorkersError, match="0 of 2 workers were there"):
            master.run(1, min_n_workers=2)
        assert time.monotonic() - begin < 5.0


def test_shutdown_twice_before_and_after_a_run():
    master = hyperband()
    master.shutdown()
    master.run(1)
    master.shutdown(shutdown_workers=True)
    master.shutdown()


def test_leaving_the_block_with_an_error_shuts_down():
    events = []

    def script():
        with hyperband(observers=[events.append]) as master:
            master.run(1)
            raise RuntimeError("the user's")

    with pytest.raises(RuntimeError, match="the user's"):
        script()
    assert isinstance(events[-1], RunCancelled)


def test_there_is_a_result_before_any_run():
    assert hyperband().result().get_all_runs() == []


# Warm starts


def test_three_chained_warm_starts_keep_every_run_and_crashed_ones_too():
    told = []

    class Told(RandomSampling):
        def new_result(self, job, update_model=True):
            told.append((job.id, job.kwargs["budget"], job.result, update_model))

    previous = None
    n_runs = []
    for seed in range(4):
        master = hyperband(crash_above_half, seed=seed, previous_result=previous)
        with master:
            previous = master.run(1)
        n_runs.append(len(previous.get_all_runs()))
    assert all(later > earlier for earlier, later in itertools.pairwise(n_runs))
    old = {config_id: datum for config_id, datum in previous.data.items() if config_id[0] == -1}
    assert sorted(old) == [(-1, 0, i) for i in range(27)]
    stamps = [stamp for datum in old.values() for times in datum.time_stamps.values() for stamp in times.values()]
    assert max(stamps) == 0.0
    assert min(stamps) < 0.0
    runs = [run for run in previous.get_all_runs() if run.config_id[0] == -1]
    assert {run.loss is None for run in runs} == {True, False}
    assert all("as told" in run.error_logs for run in runs if run.loss is None)
    generator = Told(SPACE)
    with Master("run", generator, previous_result=previous):
        assert len(told) == n_runs[-1]
        assert [update for *_, update in told] == [False] * (len(told) - 1) + [True]
    assert all(config_id[:2] == (-1, 0) for config_id, *_ in told)


# Subclasses in the predecessor's idiom


class OwnGenerator(base_config_generator):
    def __init__(self, configspace, **kwargs):
        super().__init__(**kwargs)
        self.configspace = configspace
        self.seen = []

    def get_config(self, budget):
        self.logger.debug("a configuration for %s", budget)
        return self.configspace.sample_configuration(), {}

    def new_result(self, job, update_model=True):
        super().new_result(job, update_model)
        self.seen.append(job.kwargs["budget"])


class OwnMaster(Master):
    def __init__(self, configspace, eta=3, min_budget=1, max_budget=9, **kwargs):
        cg = OwnGenerator(configspace)
        super().__init__("own", cg, **kwargs)
        self.eta = eta
        self.min_budget = min_budget
        self.max_budget = max_budget
        self.max_SH_iter = -int(np.log(min_budget / max_budget) / np.log(eta)) + 1
        self.budgets = max_budget * np.power(eta, -np.linspace(self.max_SH_iter - 1, 0, self.max_SH_iter))
        self.config.update({"eta": eta, "min_budget": min_budget, "max_budget": max_budget, "budgets": self.budgets})

    def get_next_iteration(self, iteration, iteration_kwargs={}):  # noqa: B006 - as the predecessor's scripts do
        s = self.max_SH_iter - 1 - (iteration % self.max_SH_iter)
        n0 = int(np.floor(self.max_SH_iter / (s + 1)) * self.eta**s)
        ns = [max(int(n0 * (self.eta ** (-i))), 1) for i in range(s + 1)]
        return SuccessiveHalving(
            HPB_iter=iteration,
            num_configs=ns,
            budgets=self.budgets[(-s - 1) :],
            config_sampler=self.config_generator.get_config,
            **iteration_kwargs,
        )


class KeepAll(BaseIteration):
    def _advance_to_next_stage(self, config_ids, losses):
        self.logger.debug("%d losses", len(losses))
        return [True] * len(config_ids)


def test_a_master_of_a_user_runs_unchanged():
    with OwnMaster(SPACE, backend=InProcessBackend(compute)) as master:
        result = master.run(3)
    assert [len(bracket.data) for bracket in master.iterations] == [9, 3, 3]
    assert result.HB_config["max_budget"] == 9
    assert sorted(set(master.config_generator.seen)) == [1.0, 3.0, 9.0]
    assert len(master.config_generator.seen) == len(result.get_all_runs())


def test_a_bracket_of_a_user_decides_who_advances():
    class Keeping(OwnMaster):
        def get_next_iteration(self, iteration, iteration_kwargs):
            return KeepAll(iteration, [2, 2], [1, 3], self.config_generator.get_config, **iteration_kwargs)

    with Keeping(SPACE, backend=InProcessBackend(compute)) as master:
        result = master.run(1, iteration_kwargs={"logger": logging.getLogger("own")})
    assert [run.budget for run in result.get_all_runs()].count(3) == 2
    assert master.iterations[0].logger.name == "own"


def test_a_master_without_the_hook_says_so():
    class Incomplete(Master):
        pass

    with (
        Incomplete("run", RandomSampling(SPACE), backend=InProcessBackend(compute)) as master,
        pytest.raises(NotImplementedError, match="Incomplete must implement get_next_iteration"),
    ):
        master.run(1)


# Bad input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"configspace": None}, ["configspace"]),
        ({"configspace": {"x": 1}}, ["configspace"]),
        ({"configspace": ConfigSpace.ConfigurationSpace()}, ["configspace"]),
        ({"min_budget": 0}, ["min_budget=0"]),
        ({"min_budget": -1}, ["min_budget=-1"]),
        ({"min_budget": float("nan")}, ["min_budget=nan"]),
        ({"min_budget": 10}, ["min_budget=10", "max_budget"]),
        ({"max_budget": float("inf")}, ["max_budget=inf"]),
        ({"eta": 1}, ["eta=1", "greater than 1"]),
        ({"eta": 0.5}, ["eta=0.5"]),
        ({"run_id": "a/b"}, ["run_id='a/b'", "slash"]),
        ({"run_id": None, "backend": None}, ["run_id=None", "must be given"]),
        ({"run_id": None, "storage": "journal:log"}, ["run_id=None", "must be given"]),
        ({"seed": -1}, ["seed=-1"]),
        ({"seed": 0.5}, ["seed=0.5"]),
        ({"ping_interval": 0}, ["ping_interval=0"]),
        ({"worker_timeout": 0}, ["worker_timeout=0"]),
        ({"job_queue_sizes": (1, 0)}, ["job_queue_sizes=(1, 0)"]),
        ({"bracket_sizes": "ceil"}, ["bracket_sizes='ceil'"]),
        ({"initial_configs": [{"x": 2.0}]}, ["x"]),
        ({"initial_configs": [{"y": 0.5}]}, ["y"]),
        ({"backend": None, "nameserver_port": 70000}, ["nameserver_port=70000"]),
        ({"max_attempts": 0}, ["max_attempts=0", "at least 1"]),
        ({"job_timeout": -1}, ["job_timeout=-1", "finite number", "function of the budget"]),
        ({"job_timeout": "60"}, ["job_timeout='60'"]),
        ({"job_timeout": lambda budget: 0}, ["job_timeout=0", "for budget"]),
    ],
)
@pytest.mark.parametrize("optimizer", [HyperBand, RandomSearch])
def test_bad_arguments_are_one_error_that_names_them(optimizer, arguments, words, tmp_path):
    threads = threading.active_count()
    settings = {
        "configspace": SPACE,
        "min_budget": 1,
        "max_budget": 9,
        "run_id": "run",
        "backend": InProcessBackend(compute),
        "working_directory": tmp_path / "not made",
    }
    with pytest.raises(HpbandsterError) as error:
        optimizer(**settings | arguments)
    for word in words:
        assert word in str(error.value)
    assert threading.active_count() == threads
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_iterations": 0}, ["n_iterations=0", "at least 1"]),
        ({"n_iterations": -1}, ["n_iterations=-1"]),
        ({"n_iterations": 1.5}, ["n_iterations=1.5"]),
        ({"n_iterations": True}, ["n_iterations=True"]),
        ({"min_n_workers": 0}, ["min_n_workers=0"]),
        ({"max_time": 0}, ["max_time=0"]),
        ({"max_time": float("nan")}, ["max_time=nan"]),
        ({"max_time": True}, ["max_time=True", "finite number greater than 0"]),
        ({"max_time": float("inf")}, ["max_time=inf", "None means no limit"]),
        ({"max_time": "60"}, ["max_time='60'"]),
        ({"total_budget": 0}, ["total_budget=0", "finite number greater than 0"]),
        ({"total_budget": -1.0}, ["total_budget=-1.0"]),
        ({"total_budget": True}, ["total_budget=True"]),
        ({"total_budget": float("nan")}, ["total_budget=nan"]),
        ({"total_budget": float("inf")}, ["total_budget=inf"]),
        ({"total_budget": "10"}, ["total_budget='10'"]),
        ({"total_budget": 0.9}, ["total_budget=0.9", "at least 1", "20 * max_budget"]),
    ],
)
def test_bad_arguments_of_run_are_one_error_before_anything_starts(arguments, words, tmp_path):
    master = hyperband(working_directory=tmp_path / "not made")
    with pytest.raises(HpbandsterError) as error:
        master.run(**arguments)
    for word in words:
        assert word in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_working_directory_that_is_a_file_is_one_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HpbandsterError, match=r"working_directory=.*file"):
        hyperband(working_directory=tmp_path / "file").run(1)


def test_an_error_in_a_generator_reaches_the_user_and_a_further_run_says_why_not():
    class Broken(RandomSampling):
        def get_config(self, budget):
            raise RuntimeError("in the generator")

    class Own(OwnMaster):
        pass

    with Own(SPACE, backend=InProcessBackend(compute)) as master:
        master.config_generator.get_config = Broken(SPACE).get_config
        with pytest.raises(RuntimeError, match="in the generator"):
            master.run(1)
        with pytest.raises(IllegalTransitionError, match="make a new optimizer"):
            master.run(1)


# Directories


class Continuing:
    """Notes what it gets in its directory, as training that goes on from a checkpoint does."""

    def __init__(self):
        self.calls = []

    def __call__(self, config_id, config, budget, working_directory, previous_budget):
        file = Path(working_directory, "budget")
        assert previous_budget == (float(file.read_text()) if file.exists() else None)
        file.write_text(str(budget))
        self.calls.append((config_id, budget, previous_budget, working_directory))
        if config["x"] > 0.9:
            raise RuntimeError("as told")
        return {"loss": config["x"], "info": {}}


@pytest.mark.parametrize("optimizer", [HyperBand, ASHA])
def test_a_configuration_goes_on_in_its_own_directory_from_the_budget_it_had(tmp_path, optimizer):
    compute = Continuing()
    backend = InProcessBackend(compute, str(tmp_path))
    with optimizer(SPACE, min_budget=1, max_budget=9, run_id="run", backend=backend, seed=1) as master:
        result = master.run(2)
    directories = {}
    for config_id, _, _, directory in compute.calls:
        directories.setdefault(config_id, set()).add(directory)
    expected = {config_id: {str(tmp_path / "config_{}_{}_{}".format(*config_id))} for config_id in result.data}
    assert directories == expected
    assert any(previous == 3 for _, _, previous, _ in compute.calls)


@pytest.mark.parametrize("optimizer", [HyperBand, ASHA])
def test_who_is_out_is_told_once_with_the_directory(tmp_path, optimizer):
    told = []

    def delete(config_id, directory):
        told.append(config_id)
        shutil.rmtree(directory)

    backend = InProcessBackend(Continuing(), str(tmp_path))
    settings = {"min_budget": 1, "max_budget": 9, "run_id": "run", "backend": backend, "seed": 1}
    with optimizer(SPACE, on_eliminated=delete, **settings) as master:
        master.run(1)
        result = master.run(2)
    status = {config_id: datum.status for config_id, datum in result.data.items()}
    out = {config_id for config_id, each in status.items() if each in ("TERMINATED", "CRASHED")}
    assert {"CRASHED", "TERMINATED"} <= set(status.values())
    assert sorted(told) == sorted(out)
    assert len(list(tmp_path.iterdir())) == len(set(status) - out)


def test_a_callback_for_the_eliminated_that_raises_harms_nobody(caplog):
    def bad(config_id, directory):
        raise RuntimeError("in the callback")

    with caplog.at_level(logging.ERROR, "hpbandster_ng"), hyperband(on_eliminated=bad) as master:
        assert len(master.run(1).get_all_runs()) == 13
    assert "RuntimeError: in the callback" in caplog.text


# Memory


class Toy(Worker):
    def compute(self, config_id, config, budget, working_directory):
        return {"loss": config["x"], "info": {}}


@pytest.mark.slow
def test_the_masters_memory_grows_by_less_than_two_kilobytes_a_run(record_property):
    with NameServer("run", port=0) as nameserver:
        worker = Toy("run", nameserver_port=nameserver.port)
        worker.run(background=True)
        with hyperband(backend=None, nameserver_port=nameserver.port, max_budget=81) as master:
            n_before = len(master.run(10).get_all_runs())
            tracemalloc.start()
            before, _ = tracemalloc.get_traced_memory()
            master.run(20)
            gc.collect()  # what nobody holds any more is no growth, found or not
            after, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            grown = (after - before) / (len(master.result().get_all_runs()) - n_before)
        worker.shutdown()
    record_property("bytes_per_run", grown)
    assert grown < 2048
