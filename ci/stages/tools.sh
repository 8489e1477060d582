#!/usr/bin/env bash
# Installs tshark with apt-get where that is possible; checks nothing.
. ci/lib.sh

if command -v tshark >/dev/null; then
    tshark --version 2>/dev/null | head -1
    exit 0
fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "no tshark, and no apt-get as root to install it: its stages will be skipped"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
echo "wireshark-common wireshark-common/install-setuid boolean false" | debconf-set-selections 2>/dev/null
install() { timeout 300 apt-get install -y -qq --no-install-recommends tshark >"$WORK/apt.log" 2>&1; }
timeout 120 apt-get update -qq >"$WORK/apt-update.log" 2>&1 || tail -3 "$WORK/apt-update.log"
if install; then
    tshark --version 2>/dev/null | head -1
else
    tail -5 "$WORK/apt.log"
    echo "tshark could not be installed: its stages will be skipped"
fi
exit 0
