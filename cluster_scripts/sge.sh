#!/bin/bash
# One master and its workers as an array job of the Sun Grid Engine, for any script with the arguments of
# examples/example_4_cluster.py:
#
#     qsub -t 1-9 cluster_scripts/sge.sh examples/example_4_cluster.py [further arguments of that script]
#
# The first task is the master, the others are workers. See README.md beside this file.
#$ -N hpbandster_ng
#$ -S /bin/bash
#$ -cwd
#$ -V
#$ -j y

set -eu

# Without -t, the Sun Grid Engine sets the task's number to "undefined".
if [ $# -eq 0 ] || [ "${SGE_TASK_ID:-undefined}" = undefined ]; then
    echo "usage: qsub -t 1-9 $0 script.py [arguments]" >&2
    exit 2
fi
script=$1
shift

run_id=$JOB_ID
cd "$SGE_O_WORKDIR"
shared_directory=$SGE_O_WORKDIR/hpbandster_ng_$run_id
mkdir -p "$shared_directory"

role=()
if [ "$SGE_TASK_ID" != "${SGE_TASK_FIRST:-1}" ]; then
    role=(--worker)
fi

exec python3 "$script" --run_id "$run_id" --nic_name "${HPB_NIC_NAME:-eth0}" \
    --shared_directory "$shared_directory" ${role[@]+"${role[@]}"} "$@"
