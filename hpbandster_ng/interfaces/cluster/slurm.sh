#!/bin/bash
# One master and its workers as a job array of Slurm, for any script with the arguments of examples/example_4_cluster.py:
#
#     sbatch --array=1-9 cluster_scripts/slurm.sh examples/example_4_cluster.py [further arguments of that script]
#
# The first task is the master, the others are workers. Modules to load, environments to activate: above the last line.
#SBATCH --job-name=hpbandster_ng
#SBATCH --output=%x_%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120

exec "${HPB_PYTHON:-python3}" -m hpbandster_ng.interfaces.cluster slurm "$@"
