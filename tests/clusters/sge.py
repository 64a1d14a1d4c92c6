"""Son of Grid Engine of one's own: a queue master and one host with eight slots, in a directory of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psutil

from tests.waiting import wait_until, wait_until_gone

PROGRAMS = ("sge_qmaster", "sge_execd", "qsub", "qstat", "qdel", "qconf", "qmod")

_INSTALLED = Path("/var/lib/gridengine")
_SHARED = Path("/usr/share/gridengine")
_ADMIN = "sgeadmin"

_HOST = """hostname {host}
load_scaling NONE
complex_values NONE
user_lists NONE
xuser_lists NONE
projects NONE
xprojects NONE
usage_scaling NONE
report_variables NONE
"""


class SGE:
    """A cluster of one host.

    Attributes:
        environment: by which its commands find this cluster.
    """

    name = "sge"
    short_time = ("-l h_rt=24",)
    """A task is told at half of it."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="hpbandster_sge_"))
        self.root = self.directory / "root"
        self._host = socket.gethostname()
        ports = {}
        for name in ("SGE_QMASTER_PORT", "SGE_EXECD_PORT"):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                ports[name] = str(probe.getsockname()[1])
        self.environment = {"SGE_ROOT": str(self.root), "SGE_CELL": "test", **ports}

    def start(self):
        """Returns when the host takes jobs."""
        self._make_cell()
        self.ask("sge_qmaster")
        wait_until(lambda: self._run("qconf", "-sh").returncode == 0, "the queue master answers")
        self._run("qconf", "-ah", self._host)
        self.ask("qconf", "-as", self._host)
        flush = "accounting_flush_time=00:00:01"
        self._change("-sconf", "-Mconf", "global", {
            "execd_spool_dir": self.directory / "execd", "login_shells": "none", "min_uid": "0", "min_gid": "0",
            "administrator_mail": "none", "load_report_time": "00:00:02",
            "reporting_params": f"accounting=true reporting=false {flush} joblog=false sharelog=00:00:00",
        })  # fmt: skip
        quick = {"schedule_interval": "0:0:1", "flush_submit_sec": "1", "flush_finish_sec": "1"}
        self._change("-ssconf", "-Msconf", None, quick)
        self._add("-Ae", _HOST.format(host=self._host))
        self._add("-Ahgrp", f"group_name @allhosts\nhostlist {self._host}\n")
        self._change("-sq", "-Aq", None, {
            "qname": "all.q", "hostlist": "@allhosts", "slots": "8", "shell": "/bin/bash", "load_thresholds": "NONE",
            "pe_list": "NONE", "notify": "00:00:20", "rerun": "FALSE",
        })  # fmt: skip
        self.ask("sge_execd")
        wait_until(self._takes_jobs, "the host takes jobs")

    def _make_cell(self):
        """What the installation of a cell makes, without its questions."""
        common = self.root / "test" / "common"
        common.mkdir(parents=True)
        for path in _INSTALLED.iterdir():
            if path.name in ("bin", "lib", "util", "utilbin"):
                (self.root / path.name).symlink_to(path.resolve())
        for name in ("spooldb", "qmaster/job_scripts", "execd", "files"):
            (self.directory / name).mkdir(parents=True)
        (common / "act_qmaster").write_text(f"{self._host}\n")
        (common / "host_aliases").write_text(f"{self._host} localhost\n")  # what 127.0.0.1 is called in reverse
        bootstrap = (_SHARED / "default-bootstrap").read_text()
        (common / "bootstrap").write_text(bootstrap.replace("/var/spool/gridengine", str(self.directory)))
        self.directory.chmod(0o755)
        for path in (self.directory, *self.directory.rglob("*")):
            if not path.is_symlink():
                shutil.chown(path, _ADMIN, _ADMIN)
        init = f"{_SHARED}/scripts/init_cluster {self.root} test {self.directory}/spooldb {_ADMIN}"
        self.ask("su", "-s", "/bin/sh", "-c", init, _ADMIN)

    def _change(self, show, modify, name, values):
        """Of a part of the configuration, these lines."""
        shown = self._run("qconf", show, *([name] if name else [])).stdout.replace("\\\n", " ")
        lines = {line.split()[0]: line for line in shown.splitlines() if line.strip() and line[0] != "#"}
        lines |= {key: f"{key} {value}" for key, value in values.items()}
        self._add(modify, "\n".join(lines.values()) + "\n", name)

    def _add(self, option, text, name=None):
        file = self.directory / "files" / (name or option.strip("-"))
        file.write_text(text)
        self.ask("qconf", option, file)

    def _takes_jobs(self):
        line = next((line for line in self.ask("qstat", "-f").splitlines() if line.startswith("all.q@")), "")
        return "lx-" in line and len(line.split()) == 5  # no state, which would be a sixth

    def _run(self, *command):
        return subprocess.run(
            [str(part) for part in command],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ask(self, *command):
        """What a command prints; it must not fail."""
        done = self._run(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def array(self, num_tasks):
        """What submits a job script with its arguments behind it, and prints the job's id."""
        return ["qsub", "-terse", "-t", f"1-{num_tasks}"]

    def tasks(self):
        """The names of all tasks that run or will."""
        rows = [line.split() for line in self.ask("qstat", "-g", "d").splitlines()[2:]]
        return [f"{row[0]}.{row[-1]}" for row in rows]

    def task(self, job, number):
        return f"{job}.{number}"

    def log_name(self, job, number):
        return f"hpbandster_ng.o{job}.{number}"

    def at_once(self, number):
        """The option by which no more tasks of an array run at a time."""
        return f"-tc {number}"

    def state(self):
        """What it knows of jobs and nodes, for the message of a failure."""
        return self.ask("qstat", "-f")

    def requeue(self, task):
        self.ask("qmod", "-rj", task)

    def kill(self, task):
        """For good."""
        job, _, number = task.partition(".")
        self.ask("qdel", job, "-t", number)

    def _daemons(self):
        files = [*self.directory.glob("qmaster/qmaster.pid"), *self.directory.glob("execd/*/execd.pid")]
        pids = [int(file.read_text()) for file in files]
        return [pid for pid in pids if psutil.pid_exists(pid)]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        daemons = self._daemons()
        for pid in daemons:
            psutil.Process(pid).kill()  # asked to end, they take ten seconds
        wait_until_gone(daemons)
        shutil.rmtree(self.directory)
