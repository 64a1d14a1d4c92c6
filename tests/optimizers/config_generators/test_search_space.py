"""The code of configurations: every kind of hyperparameter, condition and forbidden clause, old and new ConfigSpace."""

from __future__ import annotations

import math

import ConfigSpace as CS
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpbandster_ng.errors import InvalidArgumentError, SearchSpaceError
from hpbandster_ng.optimizers.config_generators.search_space import Kind, SearchSpace
from tests.optimizers.config_generators.spaces import IS_NEW, everything, space_of


def configspace_accepts(space, config):
    CS.Configuration(space, values=config)
    return True


class TestConstruction:
    @pytest.mark.parametrize("wrong", [None, {"x": (0, 1)}, 3, CS.UniformFloatHyperparameter("x", 0, 1)])
    def test_refuses_what_is_no_configspace(self, wrong):
        with pytest.raises(SearchSpaceError, match=r"must be a ConfigSpace\.ConfigurationSpace"):
            SearchSpace(wrong)

    def test_refuses_an_empty_space(self):
        with pytest.raises(SearchSpaceError, match="must have a hyperparameter"):
            SearchSpace(CS.ConfigurationSpace())

    def test_columns_leave_out_what_cannot_vary(self):
        space = SearchSpace(
            space_of(
                CS.Constant("constant", "c"),
                CS.CategoricalHyperparameter("one_choice", ["x"]),
                CS.OrdinalHyperparameter("one_rank", [1]),
                CS.CategoricalHyperparameter("k", ["x", "y"]),
                CS.OrdinalHyperparameter("o", [1, 2, 4]),
                CS.UniformIntegerHyperparameter("i", 3, 9),
                CS.UniformFloatHyperparameter("f", 0, 1),
            )
        )
        columns = dict(zip(space.column_names, zip(space.kinds, space.num_values.tolist(), strict=True), strict=True))
        assert columns == {
            "k": (Kind.CATEGORICAL, 2), "o": (Kind.ORDINAL, 3), "i": (Kind.INTEGER, 7), "f": (Kind.NUMBER, 0),
        }  # fmt: skip
        assert space.dimensions == 4
        assert set(space.names) == {"constant", "one_choice", "one_rank", "k", "o", "i", "f"}

    def test_leaves_the_callers_space_alone(self):
        original, untouched = everything(), everything()
        space, rng = SearchSpace(original), np.random.default_rng(3)
        for _ in range(5):
            space.decode(space.encode(space.sample(rng)), rng)
        assert original == untouched
        assert dict(original.sample_configuration()) == dict(untouched.sample_configuration())


CLAUSES = ["ForbiddenEqualsClause", "ForbiddenLessThanEqualsClause"]


class TestSample:
    def test_is_legal_plain_and_in_order(self):
        original = everything()
        space, rng = SearchSpace(original), np.random.default_rng(0)
        for _ in range(100):
            config = space.sample(rng)
            assert {type(value) for value in config.values()} <= {str, int, float, bool, tuple}
            assert list(config) == [name for name in space.names if name in config]
            assert space.validate(config) == config
            assert configspace_accepts(original, config)

    def test_follows_the_generator(self):
        space = SearchSpace(everything())
        draws = [[space.sample(np.random.default_rng(seed)) for _ in range(2)] for seed in (1, 1, 2)]
        assert draws[0] == draws[1] != draws[2]

    def test_draws_from_the_priors(self):
        space = SearchSpace(
            space_of(
                CS.CategoricalHyperparameter("c", ["often", "never"], weights=[1.0, 0.0]),
                CS.NormalFloatHyperparameter("n", mu=2, sigma=0.01, lower=-100, upper=100),
            )
        )
        configs = space.sample_many(np.random.default_rng(0), 50)
        assert {config["c"] for config in configs} == {"often"}
        assert all(abs(config["n"] - 2) < 0.1 for config in configs)

    @pytest.mark.parametrize("name", [name for name in CLAUSES if hasattr(CS, name)])
    @pytest.mark.parametrize("value", [0, 1])
    def test_every_kind_of_clause_holds_and_ends(self, name, value):
        """ConfigSpace's own draws, of 1.2 at least, obey the opposite of "<=" or never end."""
        layers = CS.UniformIntegerHyperparameter("layers", 0, 2, default_value=2)
        space = SearchSpace(space_of(layers, getattr(CS, name)(layers, value)))
        allowed = {"Equals": {0, 1, 2} - {value}, "LessThanEquals": set(range(value + 1, 3))}
        drawn = {config["layers"] for config in space.sample_many(np.random.default_rng(0), 50)}
        assert drawn == allowed[name.removeprefix("Forbidden").removesuffix("Clause")]

    def test_small_values_keep_their_digits(self):
        space = SearchSpace(space_of(CS.UniformFloatHyperparameter("x", 1e-9, 1e-7, default_value=1e-8, log=True)))
        values = {config["x"] for config in space.sample_many(np.random.default_rng(0), 20)}
        assert len(values) == 20
        assert all(1e-9 <= x <= 1e-7 for x in values)


class TestEncode:
    @pytest.mark.parametrize(
        ("hyperparameter", "value", "code"),
        [
            (CS.UniformFloatHyperparameter("x", -1, 3), 0.0, 0.25),
            (CS.UniformFloatHyperparameter("x", -1, 3), np.float32(0.0), 0.25),
            (CS.UniformFloatHyperparameter("x", -1, 3), 3, 1.0),
            (CS.UniformFloatHyperparameter("x", 1e-4, 1, log=True), 0.01, 0.5),
            (CS.UniformIntegerHyperparameter("x", 2, 10), 4, 0.25),
            (CS.UniformIntegerHyperparameter("x", 2, 10), np.int64(10), 1.0),
            (CS.UniformIntegerHyperparameter("x", 2, 10), 4.0, 0.25),
            (CS.UniformIntegerHyperparameter("x", 1, 100, log=True), 10, 0.5),
            (CS.CategoricalHyperparameter("x", ["a", "b", "c"]), "c", 2.0),
            (CS.CategoricalHyperparameter("x", ["a", "b", "c"]), np.str_("b"), 1.0),
            (CS.CategoricalHyperparameter("x", [True, False]), np.bool_(False), 1.0),
            (CS.CategoricalHyperparameter("x", [(1, 2), (3,)]), (3,), 1.0),
            (CS.CategoricalHyperparameter("x", [(1, 2), (3,)]), [3], 1.0),
            (CS.OrdinalHyperparameter("x", [16, 32, 64]), 32, 1.0),
            (CS.OrdinalHyperparameter("x", ["cold", "hot"]), "hot", 1.0),
            (CS.NormalFloatHyperparameter("x", mu=0, sigma=1, lower=-2, upper=2), 1.0, 0.75),
            (CS.BetaIntegerHyperparameter("x", alpha=2, beta=2, lower=0, upper=4), 1, 0.25),
        ],
    )
    def test_of_one_value(self, hyperparameter, value, code):
        assert SearchSpace(space_of(hyperparameter)).encode({"x": value}) == pytest.approx([code], abs=1e-12)

    @pytest.mark.skipif(not IS_NEW, reason="ConfigSpace 0.7 has no such choices and another scale for integers")
    def test_is_configspaces_own(self):
        original = everything()
        space, rng = SearchSpace(original), np.random.default_rng(0)
        positions = [space.names.index(name) for name in space.column_names]
        for _ in range(30):
            config = original.sample_configuration()
            np.testing.assert_allclose(space.encode(config), config.get_array()[positions], atol=1e-9)
        none = SearchSpace(space_of(CS.CategoricalHyperparameter("x", [None, "a", ["list"], {"a": "dict"}])))
        assert [none.encode({"x": value})[0] for value in (None, "a", ["list"], {"a": "dict"})] == [0, 1, 2, 3]
        assert none.decode(np.array([3.0]), rng) == {"x": {"a": "dict"}}

    def test_keeps_the_users_objects(self):
        space = SearchSpace(space_of(CS.CategoricalHyperparameter("x", [math.sin, math.cos])))
        config = space.decode(space.encode({"x": math.cos}), np.random.default_rng(0))
        assert config["x"] is math.cos

    def test_of_a_configuration_object_equals_that_of_its_dict(self):
        original = everything()
        space = SearchSpace(original)
        for _ in range(20):
            configuration = original.sample_configuration()
            np.testing.assert_allclose(space.encode(configuration), space.encode(dict(configuration)), atol=1e-6)

    def test_inactive_and_missing_are_nan(self):
        space = SearchSpace(everything())
        config = next(c for c in space.sample_many(np.random.default_rng(0), 50) if c["z_algorithm"] == "tree")
        code = dict(zip(space.column_names, space.encode(config | {"layers": 2, "units": None}), strict=True))
        assert math.isnan(code["layers"])  # given, but inactive
        assert math.isnan(code["units"])
        assert not math.isnan(code["a_depth"])
        del config["a_depth"]
        assert math.isnan(dict(zip(space.column_names, space.encode(config), strict=True))["a_depth"])

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            ({"f": 2.0}, r"f=2.0 must be a number in \[0.0, 1.0\]"),
            ({"f": "0.5"}, r"f='0.5' must be a number in \[0.0, 1.0\]"),
            ({"f": True}, r"f=True must be a number"),
            ({"f": math.nan}, "f=nan must be a number"),
            ({"l": -1.0}, r"l=-1.0 must be a number in \[0.001, 1.0\]"),
            ({"i": 2.5}, r"i=2.5 must be an integer in \[1, 8\]"),
            ({"c": "z"}, r"c='z' must be one of \['a', 'b'\]"),
            ({"c": ["unhashable"]}, r"c=\['unhashable'\] must be one of"),
            ({"what": 1}, "what=1 is not among the hyperparameters"),
            ([0.5], "config=.* must be a dict or a ConfigSpace.Configuration"),
        ],
    )
    def test_refuses_by_name_what_does_not_belong_to_the_space(self, config, message):
        space = SearchSpace(
            space_of(
                CS.UniformFloatHyperparameter("f", 0, 1),
                CS.UniformFloatHyperparameter("l", 1e-3, 1, log=True),
                CS.UniformIntegerHyperparameter("i", 1, 8),
                CS.CategoricalHyperparameter("c", ["a", "b"]),
            )
        )
        with pytest.raises(InvalidArgumentError, match=message):
            space.encode(config)

    def test_rounding_over_a_bound_is_forgiven(self):
        space = SearchSpace(space_of(CS.UniformFloatHyperparameter("f", 0, 1)))
        assert space.encode({"f": 1 + 1e-9}) == [1.0]
        assert space.validate({"f": 1 + 1e-9}) == {"f": 1.0}


SPACE = SearchSpace(everything())
RNG = np.random.default_rng(0)


@st.composite
def codes(draw):
    entries = [
        draw(st.none() | (st.integers(0, k - 1) if kind in (Kind.CATEGORICAL, Kind.ORDINAL) else st.floats(0, 1)))
        for kind, k in zip(SPACE.kinds, SPACE.num_values.tolist(), strict=True)
    ]
    return np.array([math.nan if entry is None else entry for entry in entries])


class TestDecode:
    @settings(max_examples=150, deadline=None)
    @given(code=codes(), seed=st.integers(0, 100))
    def test_every_code_becomes_a_legal_configuration_or_is_forbidden(self, code, seed):
        config = SPACE.decode(code, np.random.default_rng(seed))
        assert config == SPACE.decode(code, np.random.default_rng(seed))
        if config is None:
            return
        assert SPACE.validate(config) == config
        assert configspace_accepts(SPACE.configspace, config)
        again = SPACE.encode(config)
        for name, before, after, k in zip(SPACE.column_names, code, again, SPACE.num_values, strict=True):
            assert math.isnan(after) == (name not in config)
            if k == 0 and not math.isnan(before) and not math.isnan(after):
                assert after == pytest.approx(before, abs=1e-9)

    def test_inverts_encode(self):
        for config in SPACE.sample_many(np.random.default_rng(0), 100):
            back = SPACE.decode(SPACE.encode(config), RNG)
            assert list(back) == list(config)
            for name, value in config.items():
                assert type(back[name]) is type(value)
                assert back[name] == (pytest.approx(value, rel=1e-9, abs=1e-12) if type(value) is float else value)

    def test_needs_the_generator_only_for_what_is_missing(self):
        rng = np.random.default_rng(0)
        before = rng.bit_generator.state
        config = SPACE.sample(np.random.default_rng(1))
        SPACE.decode(SPACE.encode(config), rng)
        assert rng.bit_generator.state == before

    def test_fills_what_is_missing_from_the_whole_range(self):
        space = SearchSpace(
            space_of(CS.UniformFloatHyperparameter("f", 0, 1), CS.CategoricalHyperparameter("c", ["a", "b"]))
        )
        configs = [space.decode(np.full(2, math.nan), RNG) for _ in range(50)]
        assert {config["c"] for config in configs} == {"a", "b"}
        assert len({config["f"] for config in configs}) == 50

    def test_every_integer_is_reached(self):
        space = SearchSpace(space_of(CS.UniformIntegerHyperparameter("i", 3, 7)))
        assert {space.decode(np.array([x]), RNG)["i"] for x in np.linspace(0, 1, 50)} == {3, 4, 5, 6, 7}

    @pytest.mark.skipif(IS_NEW, reason="ConfigSpace 1.x has no quantised and no unbounded hyperparameters")
    def test_quantised_and_unbounded(self):
        space = SearchSpace(
            space_of(
                CS.UniformFloatHyperparameter("q", 0, 1, q=0.25),
                CS.NormalFloatHyperparameter("n", mu=5, sigma=2),
                CS.NormalIntegerHyperparameter("i", mu=5, sigma=2),
            )
        )
        code = dict(zip(space.column_names, space.encode({"q": 0.25, "n": 5.0, "i": 5}), strict=True))
        assert code == {"q": 0.25, "n": 0.5, "i": 0.5}
        config = space.decode(np.array([{"q": 0.3, "n": 0.0, "i": 1.0}[name] for name in space.column_names]), RNG)
        assert config["q"] == 0.25
        assert math.isfinite(config["n"])
        assert type(config["i"]) is int

    def test_relations_are_forbidden(self):
        low, high = CS.UniformFloatHyperparameter("low", 0, 1), CS.UniformFloatHyperparameter("high", 0, 1)
        space = SearchSpace(space_of(low, high, CS.ForbiddenGreaterThanRelation(low, high)))
        codes = [
            np.array([{"low": a, "high": b}[name] for name in space.column_names]) for a, b in ((0.2, 0.7), (0.7, 0.2))
        ]
        assert [space.decode(code, RNG) is None for code in codes] == [False, True]


class TestValidate:
    BASE = {"z_algorithm": "svm", "layers": 1, "flag": False, "shape": (3,), "size": "small", "only": "this",
            "normal": 0.5, "whole": 5, "beta": 1, "rate": 0.1}  # fmt: skip

    def test_returns_plain_values_in_order(self):
        config = SPACE.validate(self.BASE | {"whole": np.int64(5), "rate": np.float64(0.1), "shape": [3]})
        assert config == self.BASE
        assert list(config) == [name for name in SPACE.names if name in config]
        assert type(config["beta"]) is float
        assert type(config["shape"]) is tuple

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"rate": 2.0}, "rate=2.0 must be a number in"),
            ({"a_depth": 3}, "a_depth=3 is set but inactive"),
            ({"layers": 3}, "units=None must be set, because"),
            ({"whole": None}, "whole=None must be set; give it a value"),
            ({"layers": 4, "units": 8}, "is forbidden by"),
            ({"whole": 3, "size": "large"}, "is forbidden by"),
            ({"unknown": 1}, "unknown=1 is not among the hyperparameters"),
        ],
    )
    def test_names_hyperparameter_value_and_rule(self, change, message):
        with pytest.raises(InvalidArgumentError, match=message):
            SPACE.validate(self.BASE | change)
