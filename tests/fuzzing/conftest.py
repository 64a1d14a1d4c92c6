from __future__ import annotations

collect_ignore = ["fuzz.py"]  # a script, for which not every Python has the fuzzer
