"""Where the evaluations of one worker happen: in its own thread, or in a child process."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from hpbandster_ng.backends.evaluation import Call, Compute, evaluate
from hpbandster_ng.backends.factory import WorkerFactory, built
from hpbandster_ng.backends.isolation import Child
from hpbandster_ng.engine.records import Outcome
from hpbandster_ng.errors import InvalidArgumentError

__all__ = ["Evaluator"]


class Evaluator:
    """Calls ``compute`` here, or in a child process; used by one thread.

    A thread cannot be killed: what has a time limit runs in the child.

    Args:
        compute: what to call; or what builds it, once where it is called.
        isolate: whether all of it runs in the child.
        environment: of the child.

    Attributes:
        is_computing_here: whether ``compute`` runs in this process now.

    Example:
        >>> import tempfile
        >>> evaluator = Evaluator(lambda config, **_: {"loss": config["x"]})
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     evaluator.evaluate(Call((0, 0, 0), {"x": 0.5}, 9.0, directory + "/config_0_0_0")).result
        {'loss': 0.5, 'info': None}
    """

    def __init__(
        self,
        compute: Compute | WorkerFactory,
        isolate: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.compute = compute
        self.isolate = isolate
        self.is_computing_here = False
        self._child = Child(compute, environment)
        self._root = Path.cwd()  # compute may change it

    def start(self) -> None:
        """Launch the child, if all evaluations need it.

        Raises:
            InvalidArgumentError: ``compute`` cannot be pickled.
        """
        if self.isolate:
            self._child.start()

    def wait_until_ready(self) -> None:
        """Return when the child, if all evaluations need it, has imported the program, and what is to be built is.

        Raises:
            InvalidArgumentError: it cannot.
        """
        if self.isolate:
            self._child.wait_until_ready()
        else:
            self.compute = built(self.compute)

    def evaluate(self, call: Call, time_limit: float | None = None) -> Outcome:
        """Make the configuration's directory and call ``compute``; if it was made in vain, it is removed again.

        Args:
            call: its ``working_directory`` may be relative to the directory in which this was made; ``compute`` gets
                the whole path.
            time_limit: seconds, or None.

        Raises:
            InvalidArgumentError: the directory, a child process, or what is to be built cannot be made. That is no
                fault of the configuration, so it is no outcome.
        """
        directory = self._root / call.working_directory
        is_new = _make(directory)
        call = call._replace(working_directory=str(directory))
        try:
            if self.isolate or time_limit is not None:
                return self._child.evaluate(call, time_limit)
            self.compute = compute = built(self.compute)
            self.is_computing_here = True
            return evaluate(compute, call)
        finally:
            self.is_computing_here = False
            if is_new:
                with contextlib.suppress(OSError):  # there is something in it
                    directory.rmdir()

    def abandon(self) -> None:
        """Kill the child, from any thread; who waits for an evaluation in it gets an error."""
        self._child.abandon()

    def close(self) -> None:
        """End the child."""
        self._child.close()


def _make(directory: Path) -> bool:
    """Whether it was not there before."""
    try:
        directory.mkdir(parents=True)
        return True
    except OSError as error:
        if directory.is_dir():
            return False
        raise InvalidArgumentError(
            "working_directory",
            str(directory),
            f"cannot be made on this machine ({error})",
            "give the optimizer a working_directory that every worker may write to",
        ) from error
