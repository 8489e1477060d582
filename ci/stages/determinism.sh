#!/usr/bin/env bash
# Same seed, same digest: over two processes and both drivers, every scenario; another seed differs.
. ci/lib.sh
build

command -v python3 >/dev/null || { skip "determinism: no python3 to read the results"; finish; }
export LC_ALL=C # sort and join have to agree on an order

# digests FILE: a line "scenario/cell#n digest" for each run; n counts the seeds of a cell.
digests() {
    python3 - "$1" <<'END'
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    runs = json.load(file)["cells"]
times = {}
for run in runs:
    name = "/".join(f"{run['scenario']} {run['cell']}".split())
    times[name] = times.get(name, 0) + 1
    if run["digest"]:
        print(f"{name}#{times[name]}", run["digest"])
END
}
# run NAME ARGUMENTS...: one process, its digests in $WORK/NAME.txt.
run() {
    local name=$1
    shift
    "$IKELAB" run scenarios --out "$WORK/$name" --json "$WORK/$name.json" "$@" >"$WORK/$name.log" 2>&1
    local code=$?
    digests "$WORK/$name.json" >"$WORK/$name.txt"
    if [ ! -s "$WORK/$name.txt" ]; then fail "$name: no digest (exit code $code)"; tail -5 "$WORK/$name.log"; finish; fi
}
# same A B TEXT | different A B TEXT: each cell is a check.
same() { compare "$1" "$2" "$3" "=="; }
different() { compare "$1" "$2" "$3" "!="; }
compare() {
    local good bad total
    total=$(wc -l <"$WORK/$1.txt")
    good=$(join -j 1 <(keyed "$1") <(keyed "$2") | awk -v how="$4" '(how == "==") == ($2 == $3) { n++ } END { print n + 0 }')
    bad=$((total - good))
    if [ "$good" != 0 ]; then pass "$3: $good of $total cells" "$good"; fi
    if [ "$bad" != 0 ]; then
        fail "$3: not so for $bad of $total cells" "$bad"
        join -a 1 -j 1 <(keyed "$1") <(keyed "$2") | awk -v how="$4" '(how == "==") != ($2 == $3)'
    fi
}
keyed() { sort -k1,1 "$WORK/$1.txt"; }

run turmoil-1 --driver turmoil
run turmoil-2 --driver turmoil
run direct-1 --driver direct
run seed-1 --driver direct --seed 1
run seed-1-turmoil --driver turmoil --seed 1
run seed-2 --driver direct --seed 2
same turmoil-1 turmoil-2 "two processes, same digest"
same turmoil-1 direct-1 "both drivers, same digest"
same seed-1 seed-1-turmoil "both drivers with --seed 1, same digest"
different seed-1 seed-2 "another seed, another digest"
finish
