#!/usr/bin/env python3
"""Deliberate breaks of the engine: each rule that it keeps, taken away, and who notices.

    breaks.py apply TREE            puts all breaks into a copy of the project, each behind its name
    breaks.py run IKELAB [NAME..]   runs them with the binary of that copy: IKELAB_BREAK=NAME turns one on
    breaks.py table                 a line for each break and its guard, as Markdown

ci/breaks/*.txt say what is broken:

    @ harness/ike/src/half_open.rs
    name-of-the-break: what is wrong now (RFC and section)
    - what stands in the file, once
    + what stands there instead; BROKEN is true when the break is on
    = cookie/under-load             the scenario that fails then, or
    = none: why nobody could notice, or
    = with name-of-another          a part of that one, or
    = open                          nobody is known to notice yet

Blanks and line ends do not count in what is looked for. A text that is not there, or is there twice, is an
error: a break is never passed over. All of them are built together, so that a hundred cost one build.
"""

import glob
import os
import re
import subprocess
import sys

HELPER = """
/// Whether this deliberate break is on (ci/breaks.py).
#[must_use]
pub fn broken(name: &str) -> bool {
    static ON: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    ON.get_or_init(|| std::env::var("IKELAB_BREAK").unwrap_or_default()) == name
}
"""
# Where that function goes: a crate that all of the others see.
ROOT, CALL = "harness/wire/src/lib.rs", {"harness/wire": "crate::broken"}


class Break:
    def __init__(self, name, title, file, place):
        self.name, self.title, self.file, self.place = name, title, file, place
        self.edits, self.guard = [], None


def read():
    """All breaks, in the order of the files."""
    breaks, file = [], None
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "breaks")
    for path in sorted(glob.glob(os.path.join(folder, "*.txt"))):
        for number, line in enumerate(open(path, encoding="utf-8"), 1):
            line, place = line.rstrip("\n"), f"ci/breaks/{os.path.basename(path)}:{number}"
            sign, text = line[:2], line[2:].strip()
            if not line.strip() or sign == "# ":
                continue
            if sign == "@ ":
                file = text
            elif sign == "- ":
                breaks[-1].edits.append([text, None])
            elif sign == "+ ":
                breaks[-1].edits[-1][1] = text
            elif sign == "= ":
                breaks[-1].guard = text
            elif ": " in line:
                breaks.append(Break(*line.split(": ", 1), file, place))
            else:
                sys.exit(f"{place}: neither a name nor @, -, + or =")
    names = [one.name for one in breaks]
    for one in breaks:
        if names.count(one.name) > 1 or not one.edits or any(None in edit for edit in one.edits):
            sys.exit(f"{one.place}: {one.name} is there twice, or has no edit")
    return breaks


def apply(tree):
    """Puts every break into a tree; says which of them do not fit."""
    wrong = 0
    for one in read():
        path = os.path.join(tree, one.file)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        crate = "/".join(one.file.split("/")[:2])
        call = f'{CALL.get(crate, "ikelab_wire::broken")}("{one.name}")'
        for old, new in one.edits:
            words = [re.escape(word) for word in re.findall(r"\w+|[^\w\s]", old)]
            found = list(re.finditer(r"\s*".join(words), text))
            if len(found) != 1:
                print(f"FAIL {one.place}: {one.name}: {one.file} has this {len(found)} times: {old}")
                wrong += 1
                continue
            put = re.sub(r"\bBROKEN\b", lambda _: call, new)
            text = text[: found[0].start()] + put + text[found[0].end() :]
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    with open(os.path.join(tree, ROOT), "a", encoding="utf-8") as file:
        file.write(HELPER)
    return wrong


def ran(ikelab, name, what):
    """The exit code of a run with one break on, or with none."""
    words = [ikelab, "run", "--driver", "direct", "--fail-fast", "--out", "target/breaks/out", *what]
    env = dict(os.environ, IKELAB_BREAK=name)
    try:
        return subprocess.run(words, env=env, capture_output=True, timeout=900).returncode
    except subprocess.TimeoutExpired:
        return None


def run(ikelab, names):
    """Runs each break's guard, and all scenarios where that one does not notice."""
    wrong = 0
    breaks = [one for one in read() if not names or one.name in names]
    guards = {f"scenarios/{one.guard}.yaml" for one in breaks if is_guarded(one)}
    if guards and ran(ikelab, "", sorted(guards)) != 0:
        print("FAIL without any break the guards do not pass")
        wrong += 1
    for one in filter(is_guarded, breaks):
        # 1: a check failed; 70: a law of the house did, and the run ended.
        if ran(ikelab, one.name, [f"scenarios/{one.guard}.yaml"]) in (1, 70, None):
            print(f"ok   {one.name}: {one.guard}", flush=True)
        elif ran(ikelab, one.name, ["scenarios"]) in (1, 70, None):
            print(f"FAIL {one.name}: {one.guard} does not notice it; another scenario does", flush=True)
            wrong += 1
        else:
            print(f"FAIL {one.name}: no scenario notices it", flush=True)
            wrong += 1
    for one in breaks:
        if one.guard == "open":
            print(f"skip {one.name}: nobody is known to notice it yet")
        if one.guard is None:
            print(f"FAIL {one.name}: {one.place} names no guard")
            wrong += 1
    return wrong


def is_guarded(one):
    return one.guard is not None and not one.guard.startswith(("none", "with ", "open"))


def table():
    print("| break | what is wrong then | who notices |\n|---|---|---|")
    for one in read():
        print(f"| {one.name} | {one.title} | {one.guard or '?'} |")
    return 0


def main(words):
    match words:
        case ["apply", tree]:
            return apply(tree)
        case ["run", ikelab, *names]:
            return run(ikelab, names)
        case ["table"]:
            return table()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
