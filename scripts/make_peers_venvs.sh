#!/usr/bin/env bash
# Usage: make_peers_venvs.sh [PYTHON]. Makes the environments of other packages' optimizers, for make bench-quality.
# One of all peers, .bench/venvs/peers, and one of each whose pins contradict it, by its name. What is there is kept.
set -euo pipefail
python=${1:-python3.11}
root=$(cd "$(dirname "$0")/.." && pwd)

for requirements in "$root"/benchmarks/quality/peers/requirements*.txt; do
    name=$(basename "$requirements" .txt)
    name=${name#requirements}
    name=${name#-}
    folder=$root/.bench/venvs/${name:-peers}
    stamp=$folder/.installed
    if [ "$stamp" -nt "$requirements" ]; then
        continue
    fi
    "$root/scripts/make_venv.sh" "$python" "$folder"
    "$folder/bin/python" -m pip install -qq --no-deps -r "$requirements"
    touch "$stamp"
done
