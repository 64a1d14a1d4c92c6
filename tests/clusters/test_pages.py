"""The sessions of the pages "On Slurm" and "On SGE", as they stand there."""

from __future__ import annotations

import pickle
import re

import pytest

from hpbandster_ng.engine.schedule import hyperband_brackets, repeat
from tests.clusters.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_the_session_of_the_page(cluster, user, tmp_path, monkeypatch):
    text = (ROOT / "docs" / f"{cluster.name}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 5
    session = "".join(blocks)
    assert session.count("HPB_NIC_NAME=eth0\n") == 1
    session = session.replace("HPB_NIC_NAME=eth0\n", "HPB_NIC_NAME=lo\n")  # the one that this machine has
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "hpbandster_ng").symlink_to(ROOT)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    output = user.call("bash", "-e", "-c", session, limit=150)
    assert not cluster.tasks()
    results = list(user.folder.glob("hpbandster_ng_*/results.pkl"))
    assert len(results) == 3, user.logs()
    for path in results:
        planned = repeat(hyperband_brackets(9, 27), 0, 4)
        assert len(pickle.loads(path.read_bytes()).get_all_runs()) == planned.num_runs
    lines = output.splitlines()
    ends = [line for line in lines if re.fullmatch(r"hpbandster_ng: worker .* of run tuning: it is over, .*", line)]
    assert len(ends) == 4, f"two workers were there before the master, two came after it:\n{output}"
