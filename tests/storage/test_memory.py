from __future__ import annotations

from hpbandster_ng.storage.memory import MemoryStorage
from hpbandster_ng.testing.storages import StorageContract


class TestMemoryStorage(StorageContract):
    def factory(self, directory):
        return MemoryStorage
