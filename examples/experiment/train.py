"""Fits a line to points, with a configuration and for a number of epochs that the environment tells."""

import json
import os
import random
import time
from pathlib import Path

config = json.loads(os.environ["HPBANDSTER_CONFIG"])
epochs = int(os.environ["HPBANDSTER_BUDGET"])

draw = random.Random(0)
points = [(x, 3 * x + 1 + draw.gauss(0, 0.1)) for x in (draw.random() for _ in range(100))]
training, test = points[:70], points[70:]

began = time.perf_counter()
slope = offset = slope_change = offset_change = 0.0
for _ in range(epochs):
    for x, y in training:
        error = slope * x + offset - y
        slope_change = config.get("momentum", 0) * slope_change - config["step"] * error * x
        offset_change = config.get("momentum", 0) * offset_change - config["step"] * error
        slope, offset = slope + slope_change, offset + offset_change

loss = sum((slope * x + offset - y) ** 2 for x, y in test) / len(test)
metrics = {"loss": loss, "seconds": time.perf_counter() - began, "info": {"line": [slope, offset]}}
Path(os.environ["HPBANDSTER_OUTPUT"]).write_text(json.dumps(metrics), encoding="utf-8")
