"""How good the configurations are that optimizers find: ours and other packages', with the same accounting for all.

Run it as ``make bench-quality``; ``python -m benchmarks.quality --help`` tells the rest.
"""
