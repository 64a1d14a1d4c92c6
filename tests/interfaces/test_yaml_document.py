"""Values of a YAML text, and errors that name their lines."""

from __future__ import annotations

import pytest

from hpbandster_ng.errors import InvalidArgumentError
from hpbandster_ng.interfaces.cli.yaml_document import read_document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.0e-3", 0.001),
        ("-.5", -0.5),
        ("+7", 7),
        ("0", 0),
        (".inf", float("inf")),
        ("-.INF", -float("inf")),
        ("true", True),
        ("False", False),
        ("~", None),
        ("no", "no"),
        ("12:30", "12:30"),
        ("007", 7),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("'1'", "1"),
        ("[1, [a, {b: 2}]]", [1, ["a", {"b": 2}]]),
        ("1: a", {"1": "a"}),
        ("[&x [1], *x]", [[1], [1]]),
    ],
)
def test_values_are_those_of_the_core_schema(text, value):
    found = read_document(text, "f").plain
    assert found == value
    assert type(found) is type(value)


def test_an_entry_knows_its_way_and_its_line():
    entry = read_document("a:\n  b:\n  - 1\n  -\n    c: 2\n", "f.yml").members()["a"].members()["b"].items()[1]
    assert entry.members()["c"].place == "f.yml, line 5: a.b[1].c"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yml='' is empty; "),
        ("# nothing\n", "f.yml='# nothing' is empty; "),
        ("a: 1\nb: x: 2\n", "f.yml, line 2: text='b: x: 2' is no YAML (mapping values are not allowed here); "),
        ("a: [1,\n\nb: 2", "f.yml, line 3: text='b: 2' is no YAML ("),
        ("a: [1,", "f.yml, line 1: text='a: [1,' is no YAML ("),
        ("a: *b", "f.yml, line 1: text='a: *b' is no YAML (found undefined alias"),
        ("[" * 5000, "is nested too deeply; "),
        ("a: \x00", "is no YAML ("),
        ("a: 1\n---\na: 2", "f.yml, line 2: text='---' is no YAML (but found another document)"),
        ("a:\n\tb: 1", "is no YAML ("),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(text, message):
    with pytest.raises(InvalidArgumentError) as error:
        read_document(text, "f.yml")
    assert message in str(error.value).replace("\\n", "")


@pytest.mark.parametrize(
    ("text", "read", "message"),
    [
        ("- 1", lambda e: e.members(), "line 1: the document=[1] must be a mapping; "),
        ("a: 1\nlr: 2", lambda e: e.members(("a", "l_r")), "line 2: lr=2 is unknown; did you mean 'l_r'?"),
        ("a: 1\nzzz: 2", lambda e: e.members(("b", "a")), "line 2: zzz=2 is unknown; known are a, b"),
        ("a: 1\n\na: 2", lambda e: e.members(), "line 3: a=2 is there twice, first in line 1; "),
        ("a: 1\n2: 2", lambda e: e.members(), "line 2: 2=2 must have a text for its key; "),
        ("a: []", lambda e: e.members()["a"].items(), "line 1: a=[] must be a list that is not empty; "),
        ("a: ' '", lambda e: e.members()["a"].text(), "line 1: a=' ' must be a text that is not empty; "),
        ("a: yes", lambda e: e.members()["a"].flag(), "line 1: a='yes' must be true or false; "),
        ("a: 1.5", lambda e: e.members()["a"].whole(), "line 1: a=1.5 must be a whole number; "),
        ("a: true", lambda e: e.members()["a"].number(), "line 1: a=True must be a finite number; "),
        ("a: .nan", lambda e: e.members()["a"].number(), "line 1: a=nan must be a finite number; "),
        ("a: max", lambda e: e.members()["a"].choice(["maximize"]), "must be one of ['maximize']; did you mean "),
        ("a: !!python/name:os.system", lambda e: e.plain, "line 1: a='' has the tag python/name:os.system, which is "),
        (f"a: {'9' * 5000}", lambda e: e.members()["a"].number(), "line 1: a=inf must be a finite number; "),
        ("a: &x [*x]", lambda e: e.plain, "line 1: a[0]='&...' must not contain itself; "),
    ],
)
def test_a_wrong_value_is_refused_with_its_line_and_key(text, read, message):
    with pytest.raises(InvalidArgumentError) as error:
        read(read_document(text, "f.yml"))
    assert message in str(error.value)
