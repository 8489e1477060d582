#!/usr/bin/env bash
# tshark opens every capture of the scenarios: all decrypts, every ICV good, nothing malformed.
. ci/lib.sh
command -v tshark >/dev/null || { skip "the tshark gate: no tshark"; finish; }
command -v python3 >/dev/null || { skip "the tshark gate: no python3"; finish; }
build

"$IKELAB" run scenarios --out "$WORK/gate" >"$WORK/gate.log" 2>&1 || { fail "ikelab run"; tail -20 "$WORK/gate.log"; finish; }
python3 ci/tshark_gate.py evidence "$IKELAB" "$WORK/gate" | tee "$WORK/gate.txt"
code=${PIPESTATUS[0]}
count pass "$(grep -c '^ok ' "$WORK/gate.txt")"
count fail "$(grep -c '^FAIL ' "$WORK/gate.txt")"
count skip "$(grep -c '^skip ' "$WORK/gate.txt")"
if [ "$code" != 0 ] && ! grep -q '^FAIL ' "$WORK/gate.txt"; then fail "the gate exited with $code"; fi
exit "$code"
