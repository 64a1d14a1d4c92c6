from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpbandster_ng.core.result import Result
from hpbandster_ng.engine.steps import Datum
from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.experiments.metrics import Metric, Metrics
from hpbandster_ng.experiments.outcomes import best_of, pareto_front

TWO = Metrics([{"name": "accuracy", "objective": "maximize"}, {"name": "size"}])
CONSTRAINED = Metrics([{"name": "loss"}, {"name": "latency", "strategy": "constraint", "threshold": 0.1}])


def result_of(*runs):
    """Runs as (number of the configuration, budget, metrics); None for a failure."""
    data = {}
    for number, budget, values in runs:
        datum = data.setdefault((0, 0, number), Datum({"x": number}, {}))
        datum.results[budget] = None if values is None else {"loss": 0.0, "info": None, "metrics": values}
        datum.time_stamps[budget] = {"submitted": 0.0, "started": 0.0, "finished": 1.0}
        datum.exceptions[budget] = None
    return Result(data, {"max_budget": 9.0, "time_ref": 0.0})


class TestMetric:
    @pytest.mark.parametrize(
        ("metric", "value", "violation"),
        [
            (Metric("a", strategy="constraint", threshold=2.0), 2.0, 0.0),
            (Metric("a", strategy="constraint", threshold=2.0), 3.0, 0.5),
            (Metric("a", "maximize", "constraint", 2.0), 3.0, 0.0),
            (Metric("a", "maximize", "constraint", 2.0), 1.0, 0.5),
            (Metric("a", strategy="constraint", threshold=0.0), 3.0, 3.0),
            (Metric("a", strategy="constraint", threshold=-2.0), -1.0, 0.5),
            (Metric("a"), 3.0, 0.0),
            (Metric("a", strategy="store"), 3.0, 0.0),
        ],
    )
    def test_a_constraint_is_broken_by_so_much(self, metric, value, violation):
        assert metric.violation(value) == violation
        assert metric.is_met(value) is (violation == 0)

    def test_a_threshold_of_an_optimised_metric_is_kept_and_no_constraint(self):
        assert Metric("a", threshold=0.1).is_met(1e9)


class TestMetrics:
    def test_the_first_that_is_optimised_guides(self):
        metrics = Metrics([{"name": "a", "strategy": "store"}, {"name": "b"}, {"name": "c"}])
        assert metrics.guide.name == "b"
        assert [each.name for each in metrics.optimised] == ["b", "c"]
        assert Metrics(metrics.as_plain()).all == metrics.all

    def test_values_become_floats(self):
        values = TWO.check({"accuracy": 1, "size": 2.5})
        assert values == {"accuracy": 1.0, "size": 2.5}
        assert all(type(value) is float for value in values.values())

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"accuracy": 1.0}, "must have a value for 'size'"),
            ({"accuracy": 1.0, "size": 1.0, "sise": 1.0}, "metrics='sise' must be one of ['accuracy', 'size']"),
            ({"accuracy": 1.0, "size": math.inf}, "metrics['size']=inf must be a finite number"),
            ({"accuracy": 1.0, "size": 10**400}, "metrics['size']=1000"),
            ({"accuracy": 1.0, "size": "1"}, "metrics['size']='1' must be a finite number"),
        ],
    )
    def test_what_is_no_value_is_refused(self, values, words):
        with pytest.raises(InvalidArgumentError) as error:
            TWO.check(values)
        assert words in str(error.value)

    @given(
        st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 0.3)), min_size=2, max_size=20),
    )
    def test_what_is_infeasible_is_told_to_be_worse_than_all_that_is_feasible_so_far(self, pairs):
        told, lowest, highest = [], math.inf, -math.inf
        for loss, latency in pairs:
            values = {"loss": loss, "latency": latency}
            told.append((CONSTRAINED.is_feasible(values), CONSTRAINED.loss(values, lowest, highest)))
            lowest, highest = min(lowest, loss), max(highest, loss)
            is_feasible, last = told[-1]
            if not is_feasible:
                assert all(last > before for feasible, before in told[:-1] if feasible)
            else:
                assert last == loss

    def test_of_two_infeasible_ones_that_which_breaks_less_is_better(self):
        near = CONSTRAINED.loss({"loss": 9.0, "latency": 0.11}, 0.0, 10.0)
        far = CONSTRAINED.loss({"loss": 1.0, "latency": 0.3}, 0.0, 10.0)
        assert 10.0 < near < far


class TestBest:
    def test_it_is_the_best_feasible_one_on_the_largest_budget_that_has_one(self):
        result = result_of(
            (0, 1.0, {"loss": 0.1, "latency": 0.0}),
            (1, 1.0, {"loss": 0.0, "latency": 0.0}),
            (0, 9.0, {"loss": 0.5, "latency": 0.0}),
            (1, 9.0, {"loss": 0.2, "latency": 0.2}),
            (2, 9.0, None),
            (3, 27.0, {"loss": 0.0, "latency": 1.0}),
        )
        best = best_of(result, CONSTRAINED)
        assert (best.config, best.budget, best.metrics["loss"]) == ({"x": 0}, 9.0, 0.5)

    def test_there_may_be_none(self):
        assert best_of(result_of((0, 9.0, None)), CONSTRAINED) is None
        assert best_of(result_of((0, 9.0, {"loss": 0.0, "latency": 1.0})), CONSTRAINED) is None
        assert pareto_front(result_of(), TWO) == []

    def test_a_maximised_metric_is_maximised_and_shown_as_it_was(self):
        result = result_of((0, 9.0, {"accuracy": 0.5, "size": 1.0}), (1, 9.0, {"accuracy": 0.9, "size": 9.0}))
        assert best_of(result, TWO).metrics == {"accuracy": 0.9, "size": 9.0}

    def test_the_front_has_those_that_nobody_dominates_the_best_first(self):
        values = [(0.5, 1.0), (0.9, 9.0), (0.9, 8.0), (0.7, 8.5), (0.7, 5.0), (0.5, 1.0)]
        result = result_of(*((i, 9.0, {"accuracy": a, "size": s}) for i, (a, s) in enumerate(values)))
        assert [each.config["x"] for each in pareto_front(result, TWO)] == [2, 4, 0, 5]

    @pytest.mark.parametrize("number", [1, 2, 3])
    @given(points=st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=30))
    def test_the_front_is_what_its_definition_says(self, number, points):
        signs = {"a": 1, "b": -1, "c": 1}
        metrics = Metrics(
            [
                {
                    "name": name,
                    "objective": "minimize" if sign > 0 else "maximize",
                    "strategy": "optimize" if place < number else "store",
                }
                for place, (name, sign) in enumerate(signs.items())
            ]
        )

        def dominates(left, right):
            pairs = [(sign * left[i], sign * right[i]) for i, sign in enumerate([*signs.values()][:number])]
            return all(mine <= other for mine, other in pairs) and any(mine < other for mine, other in pairs)

        front = metrics.front([dict(zip(signs, point, strict=True)) for point in points])
        expected = [i for i, point in enumerate(points) if not any(dominates(other, point) for other in points)]
        assert sorted(front) == expected
        assert [points[i][0] for i in front] == sorted(points[i][0] for i in expected)
