"""An MLflow server of one's own, in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from tests.waiting import wait_until


class MlflowServer:
    """A server on a free port of the loopback interface, with an SQLite database; its data outlive a stop.

    Attributes:
        url: its tracking URI.
    """

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="hpbandster_mlflow_"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
        self._command += ["--backend-store-uri", f"sqlite:///{self.directory}/mlflow.db", "--workers", "1"]
        self._command += ["--default-artifact-root", str(self.directory / "artifacts")]
        self._process = None

    def start(self):
        """Returns when it answers."""
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.directory / "log").open("a") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=environment, cwd=self.directory, start_new_session=True
            )
        wait_until(self._answers, "the MLflow server answers", limit=120)

    def kill(self):
        """As a crash would, with all processes of it."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.directory)

    def _answers(self):
        assert self._process.poll() is None, (self.directory / "log").read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
            return answer.status == 200
        return False
