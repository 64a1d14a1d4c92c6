"""Search spaces for tests, on old and new ConfigSpace."""

from __future__ import annotations

import ConfigSpace as CS
from hypothesis import assume
from hypothesis import strategies as st

IS_NEW = hasattr(CS.ConfigurationSpace, "add")


def space_of(*parts):
    space = CS.ConfigurationSpace(seed=0)
    for part in parts:
        if IS_NEW:
            space.add(part)
        elif isinstance(part, CS.hyperparameters.Hyperparameter):
            space.add_hyperparameter(part)
        elif hasattr(part, "is_forbidden_vector"):
            space.add_forbidden_clause(part)
        else:
            space.add_condition(part)
    return space


def everything():
    """All kinds at once, nested conditions, all forbidden clauses."""
    algorithm = CS.CategoricalHyperparameter("z_algorithm", ["svm", "mlp", "tree"], weights=[0.2, 0.5, 0.3])
    depth = CS.UniformIntegerHyperparameter("a_depth", 1, 8)
    layers = CS.UniformIntegerHyperparameter("layers", 1, 4)
    units = CS.UniformIntegerHyperparameter("units", 4, 512, log=True)
    dropout = CS.UniformFloatHyperparameter("b_dropout", 0.0, 0.9)
    rate = CS.UniformFloatHyperparameter("rate", 1e-5, 1.0, log=True)
    size = CS.OrdinalHyperparameter("size", ["small", "medium", "large"])
    flag = CS.CategoricalHyperparameter("flag", [True, False])
    shape = CS.CategoricalHyperparameter("shape", [(1, 2), (3,)])
    seed = CS.Constant("seed", 17)
    only = CS.CategoricalHyperparameter("only", ["this"])
    normal = CS.NormalFloatHyperparameter("normal", mu=0, sigma=1, lower=-2, upper=3)
    whole = CS.NormalIntegerHyperparameter("whole", mu=4, sigma=2, lower=1, upper=9)
    beta = CS.BetaFloatHyperparameter("beta", alpha=2, beta=3, lower=0, upper=4)
    return space_of(
        algorithm, depth, layers, units, dropout, rate, size, flag, shape, seed, only, normal, whole, beta,
        CS.EqualsCondition(depth, algorithm, "tree"),
        CS.InCondition(layers, algorithm, ["mlp", "svm"]),
        CS.GreaterThanCondition(units, layers, 2),
        CS.AndConjunction(CS.EqualsCondition(dropout, flag, True), CS.LessThanCondition(dropout, whole, 6)),
        CS.OrConjunction(CS.EqualsCondition(seed, size, "medium"), CS.GreaterThanCondition(seed, whole, 7)),
        CS.ForbiddenAndConjunction(CS.ForbiddenEqualsClause(whole, 3), CS.ForbiddenInClause(size, ["medium", "large"])),
        CS.ForbiddenEqualsClause(layers, 4),
    )  # fmt: skip


REFUSED = (
    ValueError,
    AttributeError,
    CS.exceptions.ActiveHyperparameterNotSetError,
    CS.exceptions.ForbiddenValueError,
    CS.exceptions.InactiveHyperparameterSetError,
)
"""What ConfigSpace raises for a forbidden default, or for a space that it cannot cope with itself."""


def parameters(draw, n):
    """Hyperparameters of random kinds."""
    kinds = st.sampled_from(["category", "ordinal", "integer", "log integer", "float", "log float", "constant"])
    return [_parameter(draw(kinds), f"p{i}", draw) for i in range(n)]


def _parameter(kind, name, draw):
    choices = ["a", "b", "c", "d"][: draw(st.integers(1, 4))]
    upper = draw(st.integers(2, 9))
    return {
        "category": lambda: CS.CategoricalHyperparameter(name, choices),
        "ordinal": lambda: CS.OrdinalHyperparameter(name, choices),
        "integer": lambda: CS.UniformIntegerHyperparameter(name, 0, upper),
        "log integer": lambda: CS.UniformIntegerHyperparameter(name, 1, 10 * upper, log=True),
        "float": lambda: CS.UniformFloatHyperparameter(name, -1, upper),
        "log float": lambda: CS.UniformFloatHyperparameter(name, 1e-3, upper, log=True),
        "constant": lambda: CS.Constant(name, 3),
    }[kind]()


def _values_of(parameter):
    """Some of its values, the bounds and the default of a number among them."""
    for attribute in ("choices", "sequence"):
        if hasattr(parameter, attribute):
            return list(getattr(parameter, attribute))
    if isinstance(parameter, CS.Constant):
        return [parameter.value]
    return [parameter.lower, parameter.upper, parameter.default_value]


def _is_number(parameter):
    return hasattr(parameter, "lower")


def _is_comparable(parent, conditions):
    """ConfigSpace 0.7 compares neither constants nor, unless they are categories, what is inactive."""
    if isinstance(parent, CS.CategoricalHyperparameter):
        return True
    is_conditional = any(condition.get_children()[0] == parent for condition in conditions)
    return not isinstance(parent, CS.Constant) and not is_conditional


def _condition(draw, child, parents, depth=0):
    if depth < 2 and draw(st.integers(0, 3)) == 0:
        join = draw(st.sampled_from([CS.AndConjunction, CS.OrConjunction]))
        parts = [_condition(draw, child, parents, depth + 1) for _ in range(2)]
        assume(parts[0] != parts[1])
        return join(*parts)
    parent = draw(st.sampled_from(parents))
    values = _values_of(parent)
    if draw(st.booleans()):
        chosen = draw(st.lists(st.sampled_from(values), min_size=1, unique=True))
        return CS.InCondition(child, parent, chosen)
    kinds = [CS.EqualsCondition, CS.NotEqualsCondition]
    if _is_number(parent) or isinstance(parent, CS.OrdinalHyperparameter):
        kinds += [CS.LessThanCondition, CS.GreaterThanCondition]
    return draw(st.sampled_from(kinds))(child, parent, draw(st.sampled_from(values)))


def _clause(draw, parameters):
    numbers = [parameter for parameter in parameters if _is_number(parameter)]
    if len(numbers) > 1 and draw(st.booleans()):
        names = [f"Forbidden{name}Relation" for name in ("Equals", "LessThan", "LessThanEquals", "GreaterThan")]
        kinds = [getattr(CS, name) for name in names if hasattr(CS, name)]
        left, right = draw(st.permutations(numbers))[:2]
        return draw(st.sampled_from(kinds))(left, right)
    parameter = draw(st.sampled_from(parameters))
    values = _values_of(parameter)
    names = ["Equals"]
    if _is_number(parameter):
        names += ["LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
    kinds = [getattr(CS, f"Forbidden{name}Clause") for name in names if hasattr(CS, f"Forbidden{name}Clause")]
    if draw(st.booleans()):
        return CS.ForbiddenInClause(parameter, draw(st.lists(st.sampled_from(values), min_size=1, unique=True)))
    return draw(st.sampled_from(kinds))(parameter, draw(st.sampled_from(values)))


@st.composite
def pairs_of_spaces(draw):
    """A random space, and the same without its forbidden clauses."""
    hyperparameters = parameters(draw, draw(st.integers(2, 6)))
    conditions = []
    for i, child in enumerate(hyperparameters):
        parents = hyperparameters[:i] if IS_NEW else [p for p in hyperparameters[:i] if _is_comparable(p, conditions)]
        if parents and draw(st.booleans()):
            conditions.append(_condition(draw, child, parents))
    clauses = [_clause(draw, hyperparameters) for _ in range(draw(st.integers(0, 2)))]
    if draw(st.booleans()):
        clauses.append(CS.ForbiddenAndConjunction(_clause(draw, hyperparameters), _clause(draw, hyperparameters)))
    try:
        return space_of(*hyperparameters, *conditions, *clauses), space_of(*hyperparameters, *conditions)
    except REFUSED:
        assume(False)
