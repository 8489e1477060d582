#!/usr/bin/env bash
# ikelab decode and tshark read the captures of real daemons alike, message by message.
. ci/lib.sh
command -v tshark >/dev/null || { skip "decode against tshark: no tshark"; finish; }
command -v python3 >/dev/null || { skip "decode against tshark: no python3"; finish; }
build

python3 ci/tshark_gate.py decode "$IKELAB" vectors/captures | tee "$WORK/decode.txt"
code=${PIPESTATUS[0]}
count pass "$(grep -c '^ok ' "$WORK/decode.txt")"
count fail "$(grep -c '^FAIL ' "$WORK/decode.txt")"
if [ "$code" != 0 ] && ! grep -q '^FAIL ' "$WORK/decode.txt"; then fail "the comparison exited with $code"; fi
exit "$code"
