from __future__ import annotations

from hpbandster_ng.storage.memory_logs import MemoryLogs
from hpbandster_ng.testing.shared_logs import LogsContract


class TestMemoryLogs(LogsContract):
    def factory(self, tmp_path):
        logs = MemoryLogs()
        return lambda: logs
