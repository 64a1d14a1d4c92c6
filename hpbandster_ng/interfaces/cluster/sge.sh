#!/bin/bash
# One master and its workers as an array job of the Sun Grid Engine, for any script with the arguments of
# examples/example_4_cluster.py:
#
#     qsub -t 1-9 cluster_scripts/sge.sh examples/example_4_cluster.py [further arguments of that script]
#
# The first task is the master, the others are workers. Modules to load, environments to activate: above the last line.
#$ -N hpbandster_ng
#$ -S /bin/bash
#$ -cwd
#$ -V
#$ -j y
#$ -notify
#$ -r y

exec "${HPB_PYTHON:-python3}" -m hpbandster_ng.interfaces.cluster sge "$@"
