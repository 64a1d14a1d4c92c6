"""The folder of a result logger has what DeepCAVE's reader of BOHB looks at.

DeepCAVE itself needs a Python before 3.11. It reads the space by ConfigSpace, the runs by HpBandSter's function, for
which ours stands here, and of each run the times at which it started and finished.
"""

from __future__ import annotations

import ConfigSpace
import pytest

from hpbandster_ng.core.result import json_result_logger, logged_results_to_HBS_result
from tests.integrations.logs import run
from tests.integrations.spaces import SPACE


@pytest.mark.skipif(not hasattr(ConfigSpace.ConfigurationSpace, "from_json"), reason="DeepCAVE needs ConfigSpace 1")
def test_a_folder_is_read_as_deepcave_does(tmp_path):
    result = run(tmp_path / "run", result_logger=json_result_logger(tmp_path / "log"))
    space = ConfigSpace.ConfigurationSpace.from_json(tmp_path / "log" / "configspace.json")
    assert space == SPACE
    read = logged_results_to_HBS_result(str(tmp_path / "log"))
    configs = read.get_id2config_mapping()
    assert len(read.get_all_runs()) == len(result.get_all_runs())
    for run_ in read.get_all_runs():
        assert run_.time_stamps["started"] <= run_.time_stamps["finished"]
        assert dict(ConfigSpace.Configuration(space, values=configs[run_.config_id]["config"]))
        assert run_.loss is None or "state" not in run_.info
