"""What a task of a cluster's job does: it starts a user's script as the master of a run or as a worker, and stays.

The script needs to know nothing of schedulers. Whoever waits for a master, is told that its time is up, or outlives the
run is dealt with here: :mod:`~hpbandster_ng.interfaces.cluster.supervisor` says how.
"""
