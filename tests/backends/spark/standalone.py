"""Spark of one's own: sessions, and a standalone cluster, of which each part is a process on a free port."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pyspark
import pytest
from pyspark import SparkContext
from pyspark.sql import SparkSession

from tests.waiting import wait_until, wait_until_gone

ROOT = Path(__file__).resolve().parents[3]
NEEDS_JAVA = pytest.mark.skipif(
    shutil.which("java") is None, reason="there is no Java (apt-get install default-jre-headless)"
)

START_LIMIT = 120.0
"""Seconds that a process of Java may take to start on a busy machine."""

_HOME = Path(pyspark.__file__).parent
_ENVIRONMENT = {
    "SPARK_HOME": str(_HOME),
    "SPARK_LOCAL_IP": "127.0.0.1",
    "SPARK_NO_DAEMONIZE": "1",
    "SPARK_DAEMON_MEMORY": "256m",
    "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
}

# What it runs is no descendant of the tests, which look after each test for processes that are left; executors and
# their Python processes are meant to be. It ends as soon as the tests hang up, however they end.
_LAUNCH = """
exec 3<&0
("$@" </dev/null >/dev/null 2>"$LOG" & pid=$!; echo $pid; exec >&-; cat <&3 >/dev/null; kill $pid) &
"""


class SparkCluster:
    """Runs as long as a block; has a master and two workers.

    Args:
        gpu: the name of the one that each worker has; no more than two tasks use it at a time.

    Attributes:
        url: of the master.
    """

    def __init__(self, gpu):
        self.gpu = gpu
        self.url = None

    def __enter__(self):
        self._directory = Path(tempfile.mkdtemp(prefix="hpbandster_spark_"))
        self._launched = []
        self.url = wait_for(self._launch("master", "Master"), r"Starting Spark master at (spark://\S+)")
        discovery = self._directory / "gpus.sh"
        discovery.write_text(f"""#!/bin/sh\necho '{{"name": "gpu", "addresses": ["{self.gpu}"]}}'\n""")
        discovery.chmod(0o700)
        gpu = "-Dspark.worker.resource.gpu"
        options = {"SPARK_WORKER_OPTS": f"{gpu}.amount=1 {gpu}.discoveryScript={discovery}"}
        logs = [self._launch_worker(name, options) for name in ("worker_1", "worker_2")]
        for log in logs:
            wait_for(log, "(Successfully registered with master)")
        return self

    def __exit__(self, *_):
        for shell, _ in reversed(self._launched):
            shell.stdin.close()
        wait_until_gone(pid for _, pid in self._launched)
        shutil.rmtree(self._directory)

    def session(self):
        """A session with both workers as its executors."""
        gpu = {"spark.executor.resource.gpu.amount": "1", "spark.task.resource.gpu.amount": "0.5"}
        spark = session(self.url, {"spark.executor.memory": "512m", **gpu})
        executors = spark.sparkContext._jsc.sc().getExecutorMemoryStatus
        wait_until(lambda: executors().size() == 3, "both executors are there, and the driver", START_LIMIT)
        return spark

    def _launch_worker(self, name, options):
        size = ["--cores", "2", "--memory", "1g", "--work-dir", str(self._directory / name)]
        return self._launch(name, "Worker", *size, self.url, environment=options)

    def _launch(self, name, kind, *arguments, environment=None):
        log = self._directory / f"{name}.log"
        command = [_HOME / "bin" / "spark-class", f"org.apache.spark.deploy.{kind.lower()}.{kind}"]
        command += ["--host", "127.0.0.1", "--port", "0", "--webui-port", "0", *arguments]
        shell = subprocess.Popen(
            ["/bin/sh", "-c", _LAUNCH, "sh", *map(str, command)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **_ENVIRONMENT, **(environment or {}), "LOG": str(log)},
        )  # fmt: skip
        self._launched.append((shell, int(shell.stdout.readline())))
        shell.stdout.close()
        shell.wait()
        return log


def wait_for(log, pattern):
    """What the group of the pattern matches in the file, as soon as it does."""
    wait_until(lambda: log.exists() and re.search(pattern, log.read_text()), f"{log.name}: {pattern}", START_LIMIT)
    return re.search(pattern, log.read_text())[1]


def session(master, settings):
    """A session whose driver is this process; whoever computes can import this package, and the tests."""
    os.environ.update(PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    _launch_java()
    settings = {"spark.executorEnv.PYTHONPATH": str(ROOT), **settings}
    builder = SparkSession.builder.master(master).appName("hpbandster_ng").config(map=settings)
    for setting in ("spark.driver.host", "spark.driver.bindAddress"):
        builder = builder.config(setting, "127.0.0.1")
    for setting in ("spark.ui.enabled", "spark.ui.showConsoleProgress"):
        builder = builder.config(setting, "false")
    return builder.getOrCreate()


def _launch_java():
    """Once, bare and nowhere: with what settings and in what folder a session launches it, all others have it."""
    before = Path.cwd()
    os.chdir(tempfile.gettempdir())
    SparkContext._ensure_initialized()
    os.chdir(before)


@contextlib.contextmanager
def stopped(spark):
    """The session is stopped at the end of the block, and Ctrl-C is what it was before the first one."""
    try:
        yield spark
    finally:
        spark.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # PySpark sets its own
