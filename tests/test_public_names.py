"""Every path, name and signature of the predecessor that scripts in the wild use.

A script changes ``hpbandster`` to ``hpbandster_ng`` in its imports and nothing else. So each argument keeps its name,
its position and its default; we may append arguments, with defaults.
"""

from __future__ import annotations

import importlib
import inspect

import pytest

ANY = object()
"""A default that the predecessor's users cannot rely on (a function or an object of its own)."""

NAMES = {
    "core.nameserver": ["NameServer", "nic_name_to_host"],
    "core.worker": ["Worker"],
    "core.dispatcher": ["Dispatcher", "Job"],
    "core.master": ["Master"],
    "core.base_iteration": ["BaseIteration", "Datum", "WarmStartIteration"],
    "core.base_config_generator": ["base_config_generator"],
    "core.result": [
        "Result",
        "Run",
        "extract_HBS_learning_curves",
        "json_result_logger",
        "logged_results_to_HBS_result",
    ],
    "optimizers": ["BOHB", "H2BO", "HyperBand", "RandomSearch"],
    "optimizers.bohb": ["BOHB"],
    "optimizers.h2bo": ["H2BO"],
    "optimizers.hyperband": ["HyperBand"],
    "optimizers.lcnet": ["LCNet"],
    "optimizers.randomsearch": ["RandomSearch"],
    "optimizers.iterations": ["SuccessiveHalving"],
    "optimizers.iterations.successivehalving": ["SuccessiveHalving"],
    "optimizers.iterations.successiveresampling": ["SuccessiveResampling"],
    "optimizers.config_generators.bohb": ["BOHB"],
    "optimizers.config_generators.h2bo": ["H2BO"],
    "optimizers.config_generators.lcnet": ["LCNetWrapper"],
    "optimizers.config_generators.random_sampling": ["RandomSampling"],
    "optimizers.kde.kernels": ["AitchisonAitken", "Gaussian", "WangRyzinInteger", "WangRyzinOrdinal"],
    "optimizers.kde.mvkde": ["MultivariateKDE"],
    "optimizers.learning_curve_models.arif": ["ARIF"],
    "optimizers.learning_curve_models.base": ["LCModel"],
    "optimizers.learning_curve_models.lcnet": ["LCNet"],
    "visualization": [
        "concurrent_runs_over_time",
        "correlation_across_budgets",
        "default_tool_tips",
        "finished_runs_over_time",
        "interactive_HBS_plot",
        "losses_over_time",
        "performance_histogram_model_vs_random",
    ],
    "examples.commons": ["MyWorker"],
    "utils": ["nic_name_to_host", "start_local_nameserver"],
}

_BOHB = (
    "configspace=None, eta=3, min_budget=0.01, max_budget=1, min_points_in_model=None, top_n_percent=15, "
    "num_samples=64, random_fraction=1/3, bandwidth_factor=3, min_bandwidth=1e-3"
)
_H2BO = (
    "configspace=None, eta=3, min_budget=0.01, max_budget=1, min_points_in_model=None, top_n_percent=15, "
    "num_samples=32, random_fraction=1/3, bandwidth_factor=1, min_bandwidth=1e-3, bw_estimator='scott', "
    "fully_dimensional=True"
)
_KERNEL = "data=None, bandwidth=None, fix_boundary=False, num_values=None"

# path -> the arguments, without self, as Python writes them; a class stands for its constructor.
SIGNATURES = {
    "core.nameserver.NameServer": "run_id, working_directory=None, host=None, port=0, nic_name=None",
    "core.nameserver.NameServer.start": "",
    "core.nameserver.NameServer.shutdown": "",
    "core.nameserver.nic_name_to_host": "nic_name",
    "utils.nic_name_to_host": "nic_name",
    "utils.start_local_nameserver": "host=None, port=0, nic_name=None",
    "core.worker.Worker": (
        "run_id, nameserver=None, nameserver_port=None, logger=None, host=None, id=None, timeout=None"
    ),
    "core.worker.Worker.load_nameserver_credentials": "working_directory, num_tries=60, interval=1",
    "core.worker.Worker.run": "background=False",
    "core.worker.Worker.shutdown": "",
    "core.worker.Worker.compute": "config_id, config, budget, working_directory",
    "core.dispatcher.Job": "id, **kwargs",
    "core.dispatcher.Job.time_it": "which",
    "core.dispatcher.Dispatcher": (
        "new_result_callback, run_id='0', ping_interval=10, nameserver='localhost', nameserver_port=None, host=None, "
        "logger=None, queue_callback=None"
    ),
    "core.dispatcher.Dispatcher.run": "",
    "core.dispatcher.Dispatcher.submit_job": "id, **kwargs",
    "core.dispatcher.Dispatcher.number_of_workers": "",
    "core.dispatcher.Dispatcher.shutdown_all_workers": "rediscover=False",
    "core.dispatcher.Dispatcher.shutdown": "shutdown_workers=False",
    "core.master.Master": (
        "run_id, config_generator, working_directory='.', ping_interval=60, nameserver='127.0.0.1', "
        "nameserver_port=None, host=None, shutdown_workers=True, job_queue_sizes=(-1, 0), dynamic_queue_size=True, "
        "logger=None, result_logger=None, previous_result=None"
    ),
    # n_iterations is None by default, which is 1 unless a limit is given: see tests/core/test_master.py
    "core.master.Master.run": "n_iterations=ANY, min_n_workers=1, iteration_kwargs={}",
    "core.master.Master.shutdown": "shutdown_workers=False",
    "core.master.Master.wait_for_workers": "min_n_workers=1",
    "core.master.Master.active_iterations": "",
    "core.master.Master.get_next_iteration": "iteration, iteration_kwargs",
    "optimizers.RandomSearch": "configspace=None, eta=3, min_budget=1, max_budget=1, **kwargs",
    "optimizers.HyperBand": "configspace=None, eta=3, min_budget=0.01, max_budget=1, **kwargs",
    "optimizers.BOHB": f"{_BOHB}, **kwargs",
    "optimizers.H2BO": f"{_H2BO}, **kwargs",
    "optimizers.lcnet.LCNet": "configspace=None, eta=3, min_budget=0.01, max_budget=1, **kwargs",
    "core.base_iteration.BaseIteration": (
        "HPB_iter, num_configs, budgets, config_sampler, logger=None, result_logger=None"
    ),
    "core.base_iteration.BaseIteration.add_configuration": "config=None, config_info={}",
    "core.base_iteration.BaseIteration.get_next_run": "",
    "core.base_iteration.BaseIteration.register_result": "job, skip_sanity_checks=False",
    "core.base_iteration.BaseIteration.process_results": "",
    "core.base_iteration.BaseIteration._advance_to_next_stage": "config_ids, losses",
    "optimizers.iterations.SuccessiveHalving": (
        "HPB_iter, num_configs, budgets, config_sampler, logger=None, result_logger=None"
    ),
    "core.base_config_generator.base_config_generator": "logger=None",
    "core.base_config_generator.base_config_generator.get_config": "budget",
    "core.base_config_generator.base_config_generator.new_result": "job, update_model=True",
    "optimizers.config_generators.bohb.BOHB": (
        "configspace, min_points_in_model=None, top_n_percent=15, num_samples=64, random_fraction=1/3, "
        "bandwidth_factor=3, min_bandwidth=1e-3"
    ),
    "optimizers.config_generators.bohb.BOHB.largest_budget_with_model": "",
    "optimizers.config_generators.bohb.BOHB.impute_conditional_data": "array",
    "optimizers.config_generators.bohb.BOHB.get_config": "budget",
    "optimizers.config_generators.bohb.BOHB.new_result": "job, update_model=True",
    "optimizers.config_generators.h2bo.H2BO.get_config": "budget",
    "optimizers.config_generators.h2bo.H2BO.new_result": "job, update_model=True",
    "optimizers.config_generators.lcnet.LCNetWrapper.get_config": "budget",
    "optimizers.config_generators.lcnet.LCNetWrapper.new_result": "job, update_model=True",
    "optimizers.config_generators.random_sampling.RandomSampling.get_config": "budget",
    "optimizers.config_generators.random_sampling.RandomSampling.new_result": "job, update_model=True",
    "core.result.json_result_logger": "directory, overwrite=False",
    "core.result.json_result_logger.new_config": "config_id, config, config_info",
    "core.result.json_result_logger.__call__": "job",
    "core.result.logged_results_to_HBS_result": "directory",
    "core.result.extract_HBS_learning_curves": "runs",
    "core.result.Result": "HB_iteration_data, HB_config",
    "core.result.Result.get_incumbent_id": "",
    "core.result.Result.get_incumbent_trajectory": (
        "all_budgets=True, bigger_is_better=True, non_decreasing_budget=True"
    ),
    "core.result.Result.get_runs_by_id": "config_id",
    "core.result.Result.get_all_runs": "only_largest_budget=False",
    "core.result.Result.get_id2config_mapping": "",
    "core.result.Result.num_iterations": "",
    "core.result.Result.get_learning_curves": "lc_extractor=ANY, config_ids=None",
    "core.result.Result.get_fANOVA_data": "config_space, budgets=None, loss_fn=ANY, failed_loss=None",
    "core.result.Result.get_pandas_dataframe": "budgets=None, loss_fn=ANY",
    "core.result.Run": "config_id, budget, loss, info, time_stamps, error_logs",
    "visualization.losses_over_time": "runs, get_loss_from_run_fn=ANY, cmap=ANY, show=False",
    "visualization.concurrent_runs_over_time": "runs, num_points=512, show=False",
    "visualization.finished_runs_over_time": "runs, show=False",
    "visualization.correlation_across_budgets": "results_object, show=False",
    "visualization.performance_histogram_model_vs_random": "runs, id2conf, show=False",
    "visualization.interactive_HBS_plot": (
        "learning_curves, tool_tip_strings=None, log_y=False, log_x=False, reset_times=False, color_map='Set3', "
        "colors_floats=None, title='', show=True"
    ),
    "visualization.default_tool_tips": "result_object, learning_curves, include_run_info=False",
    **{
        f"optimizers.kde.kernels.{kernel}{method}": arguments
        for kernel in NAMES["optimizers.kde.kernels"]
        for method, arguments in {
            "": _KERNEL,
            ".set_bandwidth": "b",
            ".__call__": "x_test",
            ".sample": "sample_indices=None, num_samples=1",
        }.items()
    },
    "optimizers.kde.mvkde.MultivariateKDE": (
        "configspace, fully_dimensional=True, min_bandwidth=1e-4, fix_boundary=True"
    ),
    "optimizers.kde.mvkde.MultivariateKDE.fit": (
        "data, weights=None, bw_estimator='scott', efficient_bw_estimation=True, update_bandwidth=True"
    ),
    "optimizers.kde.mvkde.MultivariateKDE.pdf": "x",
    "optimizers.kde.mvkde.MultivariateKDE.sample": "n",
    "optimizers.kde.mvkde.MultivariateKDE.loo_negloglikelihood": "",
    "optimizers.kde.mvkde.MultivariateKDE.set_bandwidths": "b",
    "optimizers.learning_curve_models.base.LCModel.fit": "times, losses, configs=None",
    "optimizers.learning_curve_models.base.LCModel.predict_unseen": "times, config",
    "optimizers.learning_curve_models.base.LCModel.extend_partial": "times, obs_times, obs_losses, config=None",
}

# Arguments whose place the predecessor's scripts do not depend on, but whose name and default they do.
KEYWORDS = {
    "optimizers.lcnet.LCNet": (
        "min_points_in_model=None, random_fraction=1/3, n_points=200, n_candidates=1024, delta=1"
    ),
    "optimizers.iterations.successiveresampling.SuccessiveResampling": "resampling_rate=0.5, min_samples_advance=1",
    "optimizers.config_generators.h2bo.H2BO": "bw_estimator='scott', fully_dimensional=True, num_samples=32",
}

# class -> instance attributes that scripts read; found on the class (property, slot, annotation) or after construction.
FIELDS = {
    "core.result.Run": ["config_id", "budget", "loss", "info", "time_stamps", "error_logs"],
    "core.base_iteration.Datum": ["config", "config_info", "results", "time_stamps", "exceptions", "status", "budget"],
}


def resolve(path):
    """The object at a path below the package: the longest prefix that is a module, then attributes."""
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        name = ".".join(["hpbandster_ng", *parts[:cut]])
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not name.startswith(str(error.name)):
                raise
            continue
        for attribute in parts[cut:]:
            found = getattr(found, attribute)
        return found
    raise ModuleNotFoundError(f"no module on the path of {path}")


def parameters_of(function, *, bound=False):
    parameters = list(inspect.signature(function).parameters.values())
    return parameters[1:] if bound else parameters


def expected_parameters(arguments):
    return parameters_of(eval(f"lambda {arguments}: None", {"ANY": ANY}))


def actual_parameters(path):
    owner = resolve(path.rpartition(".")[0])
    found = resolve(path)
    is_method = inspect.isclass(owner) and not isinstance(
        inspect.getattr_static(owner, path.split(".")[-1]), staticmethod
    )
    return parameters_of(found, bound=is_method and not inspect.isclass(found))


def same_default(ours, theirs):
    if theirs is inspect.Parameter.empty:
        return True  # whoever must pass it may go on to do so
    if theirs is ANY:
        return ours is not inspect.Parameter.empty
    if theirs == {} and ours is None:
        return True  # the predecessor's mutable default means "nothing given"
    return ours is theirs or ours == theirs


def differences(path, arguments):
    """What a script that calls the predecessor's signature would trip over."""
    ours = actual_parameters(path)
    variadic = {parameter.kind for parameter in ours}
    positional = [p for p in ours if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    found = []
    expected = expected_parameters(arguments)
    fixed = [p for p in expected if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    if len(expected) > len(fixed) and inspect.Parameter.VAR_KEYWORD not in variadic:
        found.append("takes no **kwargs")
    for i, theirs in enumerate(fixed):
        if i >= len(positional) or positional[i].name != theirs.name:
            found.append(f"argument {i} should be {theirs.name!r}")
        elif not same_default(positional[i].default, theirs.default):
            found.append(f"{theirs.name}={positional[i].default!r} should be {theirs.default!r}")
    more = [p for p in ours if p not in positional[: len(fixed)]]
    required = [p.name for p in more if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return found + [f"new argument {name!r} needs a default" for name in required]


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in NAMES.items() for name in names])
def test_name_is_where_scripts_import_it(path, name):
    assert hasattr(resolve(path), name), f"from hpbandster_ng.{path} import {name}"


@pytest.mark.parametrize(("path", "arguments"), SIGNATURES.items(), ids=list(SIGNATURES))
def test_signature(path, arguments):
    assert differences(path, arguments) == []


@pytest.mark.parametrize(("path", "arguments"), KEYWORDS.items(), ids=list(KEYWORDS))
def test_keywords(path, arguments):
    ours = {p.name: p for p in actual_parameters(path)}
    for theirs in expected_parameters(arguments):
        assert theirs.name in ours
        assert same_default(ours[theirs.name].default, theirs.default)


@pytest.mark.parametrize(("path", "fields"), FIELDS.items(), ids=list(FIELDS))
def test_fields(path, fields):
    known = set(inspect.signature(resolve(path)).parameters) | set(dir(resolve(path)))
    assert set(fields) <= known


def test_the_same_class_on_both_paths():
    for name, module in [
        ("BOHB", "bohb"),
        ("H2BO", "h2bo"),
        ("HyperBand", "hyperband"),
        ("RandomSearch", "randomsearch"),
    ]:
        assert resolve(f"optimizers.{name}") is resolve(f"optimizers.{module}.{name}")
    assert resolve("utils.nic_name_to_host") is resolve("core.nameserver.nic_name_to_host")


@pytest.mark.parametrize(
    "optimizer",
    ["ASHA", "AsyncHyperBand", "BOHB", "FreezeThaw", "GPBO", "H2BO", "HyperBand", "RandomSearch", "lcnet.LCNet"],
)
def test_optimizers_are_masters(optimizer):
    assert issubclass(resolve(f"optimizers.{optimizer}"), resolve("core.master.Master"))


# The check itself.


@pytest.mark.parametrize(
    ("path", "arguments", "complaint"),
    [
        ("core.base_config_generator.base_config_generator.get_config", "budget, hint", "argument 1 should be 'hint'"),
        ("core.base_config_generator.base_config_generator.get_config", "", "new argument 'budget' needs a default"),
        ("core.base_config_generator.base_config_generator.new_result", "job, update_model=False", "should be False"),
        ("core.base_config_generator.base_config_generator.new_result", "job, **kwargs", "takes no **kwargs"),
    ],
)
def test_the_check_finds(path, arguments, complaint):
    assert any(complaint in each for each in differences(path, arguments))
