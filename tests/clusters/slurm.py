"""Slurm of one's own: a controller and two nodes on this machine, in a directory of their own, on free ports."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.waiting import wait_until

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")

_CONFIGURATION = """
ClusterName=hpbandster
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={directory}/munge/socket,cred_expire=5
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool-%n
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd-%n.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd-%n.log
CommunicationParameters=NoAddrCache
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
SlurmdParameters=config_overrides
MaxArraySize=1001
MinJobAge=30
KillWait=2
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]}-{ports[2]}] CPUs=8 RealMemory=1000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=debug Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=n[1-2] MaxTime=INFINITE State=UP PriorityTier=2
"""


def _three_free_ports():
    """The second and the third follow each other, as Slurm wants those of its nodes."""
    while True:
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
            sockets[0].bind(("127.0.0.1", 0))
            sockets[1].bind(("127.0.0.1", 0))
            following = sockets[1].getsockname()[1] + 1
            try:
                sockets[2].bind(("127.0.0.1", following))
            except (OSError, OverflowError):
                continue
            return [each.getsockname()[1] for each in sockets]


class Slurm:
    """A cluster of two nodes with eight processors each.

    Attributes:
        environment: by which Slurm's commands find this cluster.
    """

    name = "slurm"
    short_time = ("--time=1", "--signal=B:USR1@20")
    """The shortest there is: a task is told when Slurm, which looks twice a minute, finds it older than ten seconds."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="hpbandster_slurm_"))
        self.environment = {"SLURM_CONF": str(self.directory / "slurm.conf")}
        self._daemons = []

    def start(self):
        """Returns when both nodes are idle."""
        host = socket.gethostname().partition(".")[0]
        facts = {"directory": self.directory, "user": getpass.getuser(), "host": host, "ports": _three_free_ports()}
        for name in ("munge", "state"):
            (self.directory / name).mkdir(mode=0o711)
        self.directory.chmod(0o755)
        key = self.directory / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        (self.directory / "slurm.conf").write_text(_CONFIGURATION.format(**facts))
        (self.directory / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
        files = [f"--{name}-file={self.directory / 'munge' / name}" for name in ("key", "pid", "log", "seed")]
        self._launch("munged", "--foreground", "--force", f"--socket={self.directory / 'munge' / 'socket'}", *files)
        wait_until((self.directory / "munge" / "socket").exists, "munged listens")
        self._launch("slurmctld", "-D", "-i")
        for name in ("n1", "n2"):
            self._launch("slurmd", "-D", "-N", name)
        wait_until(lambda: self.ask("sinfo", "-h", "-o", "%t %D").split() == ["idle", "2"], self.directory.name)

    def _launch(self, *command):
        with (self.directory / f"{command[0]}.out").open("ab") as output:
            environment = os.environ | self.environment
            self._daemons.append(
                subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            )

    def ask(self, *command):
        """What a command of Slurm prints."""
        done = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout

    def array(self, num_tasks):
        """What submits a job script with its arguments behind it, and prints the job's id."""
        return ["sbatch", "--parsable", f"--array=1-{num_tasks}"]

    def tasks(self):
        """The names of all tasks that run or will."""
        return self.ask("squeue", "--noheader", "--array", "--format=%i").split()

    def task(self, job, number):
        return f"{job}_{number}"

    def log_name(self, job, number):
        return f"hpbandster_ng_{job}_{number}.log"

    def at_once(self, number):
        """The option by which no more tasks of an array run at a time."""
        return f"--array=1-4%{number}"

    def state(self):
        """What it knows of jobs and nodes, for the message of a failure."""
        return self.ask("scontrol", "show", "job") + self.ask("sinfo", "--Node", "--long") + self.ask("sinfo", "-R")

    def requeue(self, task):
        self.ask("scontrol", "requeue", task)

    def kill(self, task):
        """For good."""
        self.ask("scancel", "--signal=KILL", task)

    def preempt(self):
        """A job of higher rank, which is soon done, needs both nodes."""
        self.ask("sbatch", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=true")

    @contextmanager
    def without_node_of(self, task):
        """The node on which a task runs fails, and is there again at the end of the block."""
        node = self.ask("squeue", "--noheader", f"--jobs={task}", "--format=%N").strip()
        self.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=broken")
        try:
            yield
        finally:
            self.ask("scontrol", "update", f"nodename={node}", "state=resume")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ask("scancel", "--full", "--signal=KILL", "--user", getpass.getuser())
        for daemon in reversed(self._daemons):
            daemon.kill()
            daemon.wait()
        shutil.rmtree(self.directory)
