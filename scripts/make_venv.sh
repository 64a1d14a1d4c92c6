#!/usr/bin/env bash
# Usage: make_venv.sh PYTHON FOLDER. Makes a virtual environment unless it is there.
set -euo pipefail
python=$1
folder=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    echo "$python is no Python 3.10 or later; name one that is: make PYTHON=python3.12 ..." >&2
    exit 1
fi
if [ -x "$folder/bin/python" ] && "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi
# Where the system's Python comes without ensurepip (Debian keeps it in python3-venv), its own pip fills the folder.
if ! "$python" -m venv "$folder" >/dev/null 2>&1; then
    "$python" -m venv --clear --without-pip "$folder"
    "$python" -m pip --python "$folder/bin/python" install -qq pip
fi
