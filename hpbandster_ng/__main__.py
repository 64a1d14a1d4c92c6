"""``python -m hpbandster_ng`` is the command line ``hpbandster-ng``."""

from __future__ import annotations

from hpbandster_ng.interfaces.cli.main import main

if __name__ == "__main__":
    main()
