from __future__ import annotations

import ConfigSpace

SPACE = ConfigSpace.ConfigurationSpace({"x": (0.0, 1.0), "kind": ["a", "b"], "n": (1, 8)}, seed=0)
