"""Optimizers of other packages, each behind ``ask()`` and ``tell(...)``; one module a peer.

``make(space, min_budget, max_budget, total, n_workers, seed)`` of a module returns the peer; ``total`` is what the run
may spend, in full evaluations. Each runs as its documentation recommends, with its default settings otherwise and
eta = 3. They are not installed with this package: ``scripts/make_peers_venvs.sh`` makes their environments from the
pinned ``requirements*.txt`` beside this file, so that nothing here is imported but by ``benchmarks.quality.run_peer``.
"""
