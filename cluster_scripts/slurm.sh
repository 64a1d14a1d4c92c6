#!/bin/bash
# One master and its workers as a job array of Slurm, for any script with the arguments of examples/example_4_cluster.py:
#
#     sbatch --array=1-9 cluster_scripts/slurm.sh examples/example_4_cluster.py [further arguments of that script]
#
# The first task is the master, the others are workers. See README.md beside this file.
#SBATCH --job-name=hpbandster_ng
#SBATCH --output=%x_%A_%a.log

set -eu

if [ $# -eq 0 ] || [ -z "${SLURM_ARRAY_TASK_ID:-}" ]; then
    echo "usage: sbatch --array=1-9 $0 script.py [arguments]" >&2
    exit 2
fi
script=$1
shift

run_id=$SLURM_ARRAY_JOB_ID
cd "$SLURM_SUBMIT_DIR"
shared_directory=$SLURM_SUBMIT_DIR/hpbandster_ng_$run_id
mkdir -p "$shared_directory"

role=()
if [ "$SLURM_ARRAY_TASK_ID" != "${SLURM_ARRAY_TASK_MIN:-1}" ]; then
    role=(--worker)
fi

exec python3 "$script" --run_id "$run_id" --nic_name "${HPB_NIC_NAME:-eth0}" \
    --shared_directory "$shared_directory" ${role[@]+"${role[@]}"} "$@"
