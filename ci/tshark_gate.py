#!/usr/bin/env python3
"""Wireshark as an outside witness.

    tshark_gate.py evidence IKELAB RUNS      each capture that a run left, with the keys beside it
    tshark_gate.py decode IKELAB CAPTURES    each capture of a real daemon, read by both

Of the runs of a cell with many seeds the first is opened. Where a liar spoke or a packet was
injected, messages are wrong by design: such a run is no witness, and is counted as skipped.
Prints a line `ok ...`, `skip ...` or `FAIL ...` for each check, and exits with 1 when one failed.
"""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

FIELDS = """frame.number frame.protocols isakmp.ispi isakmp.rspi isakmp.exchangetype isakmp.flag_r
isakmp.messageid isakmp.length isakmp.typepayload isakmp.notify.msgtype isakmp.enc.decrypted
isakmp.ikev2.integrity_checksum esp.spi esp.sequence esp.icv_good esp.icv_bad ip.proto
frame.comment _ws.expert.group _ws.expert.message""".split()

# Payload types that carry sealed payloads, and the parts of an SA payload that tshark lists like payloads.
SEALED = {46, 53}
PARTS = {2, 3}

# PI_CHECKSUM and PI_MALFORMED of Wireshark.
CHECKSUM = 0x01000000
MALFORMED = 0x07000000

# Steps and facts of a trace after which its messages need not be well formed.
LIES = re.compile(r'"lied":|"text":"(inject|seal|packet) ')

# What ESP carries once it is open: a packet in tunnel mode, its payload in transport mode.
INSIDE = re.compile(r":esp:(ip|ipv6|icmp|icmpv6|tcp|udp)\b")
# A dummy (next header 59, RFC 4303 section 2.6) has nothing that tshark could name.
DUMMY = re.compile(r":esp:data$")

failures = 0


def ok(text):
    print(f"ok   {text}", flush=True)


def fail(text):
    global failures
    failures += 1
    print(f"FAIL {text}", flush=True)


def tshark(capture, keys, *arguments):
    """What tshark prints about a capture, with the key tables of a folder."""
    with tempfile.TemporaryDirectory() as config:
        for table in ("ikev2_decryption_table", "esp_sa"):
            path = os.path.join(keys, table) if keys else ""
            if os.path.exists(path):
                shutil.copy(path, config)
        environment = dict(os.environ, WIRESHARK_CONFIG_DIR=config)
        command = ["tshark", "-n", "-r", capture, "-o", "esp.enable_encryption_decode:TRUE"]
        command += ["-o", "esp.enable_authentication_check:TRUE", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")
    if "Error loading table" in done.stderr:
        fail(f"{capture}: {done.stderr.strip()}")
    return done.stdout


def numbers(text):
    return [int(part, 0) for part in text.split(",") if part]


def first(text):
    return text.split(",")[0]


def frames(capture, keys):
    """One dictionary a frame that holds IKE or ESP, fields as tshark has them."""
    arguments = ["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"]
    for field in FIELDS:
        arguments += ["-e", field]
    found = []
    for line in tshark(capture, keys, *arguments).splitlines():
        frame = dict(zip(FIELDS, line.split("\t")))
        frame["number"] = int(frame["frame.number"])
        layers = frame["frame.protocols"].split(":")
        # An ICMP error repeats the beginning of another packet: that is no message.
        error = next((place for place, name in enumerate(layers) if name in ("icmp", "icmpv6")), len(layers))
        frame["quoted"] = any(name in layers[error:] for name in ("isakmp", "esp"))
        found.append(frame)
    return found


def is_ike(frame):
    return bool(frame["isakmp.exchangetype"]) and not frame["quoted"]


def is_esp(frame):
    return bool(frame["esp.spi"]) and not frame["quoted"]


def payload_types(frame):
    return [kind for kind in numbers(frame["isakmp.typepayload"]) if kind not in PARTS]


def evidence(ikelab, runs):
    captures = sorted(
        os.path.join(folder, "capture.pcapng") for folder, _, names in os.walk(runs) if "capture.pcapng" in names
    )
    if not captures:
        fail(f"no capture below {runs}")
    cells = {}
    for capture in captures:
        cells.setdefault(os.path.dirname(os.path.dirname(capture)), capture)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda capture: attest(ikelab, runs, capture), cells.values()))


def attest(ikelab, runs, capture):
    """The checks of one run."""
    folder = os.path.dirname(capture)
    name = os.path.relpath(folder, runs)
    with open(os.path.join(folder, "results.json"), encoding="utf-8") as results:
        outcome = json.load(results)["outcome"]
    if outcome not in ("pass", "note"):
        return
    with open(os.path.join(folder, "trace.jsonl"), encoding="utf-8") as lines:
        trace = lines.read()
    if LIES.search(trace):
        print(f"skip {name}: messages are wrong by design", flush=True)
        return
    keys = os.path.join(folder, "keys")
    seen = frames(capture, keys)
    # Extended sequence numbers count in the ICV (RFC 4303 section 2.2.1), and tshark has no place for them.
    witness(name, capture, keys, seen, '"esn":1}' in trace, '"reason":"dummy packet"' in trace)
    compare(name, ikelab, capture, keys, seen)


def witness(name, capture, keys, seen, esn, dummies):
    """All that is protected opens, every ICV is good, nothing is malformed, save what a link altered."""
    seen = [frame for frame in seen if "[fault] altered" not in frame["frame.comment"]]
    sealed = [frame for frame in seen if is_ike(frame) and SEALED & set(payload_types(frame)[:1])]
    opened = [frame for frame in sealed if frame["isakmp.enc.decrypted"] and not frame["isakmp.ikev2.integrity_checksum"]]
    strange = nameless(keys)
    esp = [frame for frame in seen if is_esp(frame) and numbers(frame["esp.spi"])[0] not in strange]
    open_esp = lambda layers: INSIDE.search(layers) or (dummies and DUMMY.search(layers))
    good = [frame for frame in esp if (esn or "1" in frame["esp.icv_good"]) and open_esp(frame["frame.protocols"])]
    lines = tshark(capture, keys, "-V").splitlines()
    said = sum("Integrity Checksum Data" in line and line.endswith("[correct]") for line in lines)
    if len(opened) < len(sealed) or said < len(sealed):
        closed = [frame["number"] for frame in sealed if frame not in opened]
        fail(f"{name}: IKE frames {closed} are not opened ({said} of {len(sealed)} ICVs are called correct)")
    elif len(good) < len(esp):
        closed = [frame["number"] for frame in esp if frame not in good]
        fail(f"{name}: ESP frames {closed} are not opened")
    else:
        ok(f"{name}: {len(sealed)} IKE messages and {len(esp)} ESP packets open, {'ICVs of ESP aside, ' if esn else ''}every ICV is good")
    complaints = [
        f"frame {frame['number']}: {frame['_ws.expert.message'].rsplit(',', 1)[-1]}"
        for frame in seen
        if set(numbers(frame["_ws.expert.group"])) & {MALFORMED, CHECKSUM}
    ]
    if complaints:
        fail(f"{name}: {'; '.join(complaints)}")
    else:
        ok(f"{name}: the expert finds nothing malformed and no bad checksum")


def nameless(keys):
    """SPIs whose algorithm tshark 4.0 has no name for: our decode alone opens them, by a comment of the table."""
    with open(os.path.join(keys, "esp_sa"), encoding="utf-8") as table:
        comments = [line for line in table if line.startswith("# ikelab: ")]
    return {int(line.split(",")[3].strip('"'), 16) for line in comments}


def tsharks_reading(frame):
    types = payload_types(frame)
    sealed = bool(SEALED & set(types[:1]))
    bad = bool(frame["isakmp.ikev2.integrity_checksum"])
    opened = bool(frame["isakmp.enc.decrypted"])
    return {
        "initiator_spi": first(frame["isakmp.ispi"]),
        "responder_spi": first(frame["isakmp.rspi"]),
        "exchange": numbers(frame["isakmp.exchangetype"])[0],
        "response": first(frame["isakmp.flag_r"]) in ("1", "True"),
        "message_id": numbers(frame["isakmp.messageid"])[0],
        "length": numbers(frame["isakmp.length"])[0],
        "protected": sealed,
        "icv": "bad" if bad else "good" if opened else "unknown",
        "types": [kind for kind in types if kind not in SEALED] if opened and not bad else None,
        "notifies": numbers(frame["isakmp.notify.msgtype"]) if opened and not bad or not sealed else None,
        "clear_types": types if not sealed else None,
    }


def our_reading(message):
    types = [payload["type"] for payload in message["payloads"]]
    return {
        "initiator_spi": message["initiator_spi"],
        "responder_spi": message["responder_spi"],
        "exchange": message["exchange"],
        "response": message["response"],
        "message_id": message["message_id"],
        "length": message["length"],
        "protected": message["protected"],
        "icv": message["icv"],
        "types": types if message["protected"] and message["icv"] == "good" else None,
        "notifies": [payload["notify"] for payload in message["payloads"] if payload.get("notify") is not None],
        "clear_types": types if not message["protected"] else None,
    }


def differences(theirs, ours):
    """The fields in which two readings of a message differ."""
    found = []
    for field in ("initiator_spi", "responder_spi", "exchange", "response", "message_id", "length", "protected"):
        if theirs[field] != ours[field]:
            found.append(f"{field} {theirs[field]} / {ours[field]}")
    # Where tshark does not know the algorithm, there is nothing to compare with.
    if theirs["protected"] and theirs["icv"] != "unknown" and theirs["icv"] != ours["icv"]:
        found.append(f"icv {theirs['icv']} / {ours['icv']}")
    for field in ("types", "notifies", "clear_types"):
        if theirs[field] is not None and ours[field] is not None and theirs[field] != ours[field]:
            found.append(f"{field} {theirs[field]} / {ours[field]}")
    return found


def compare(name, ikelab, capture, keys, seen):
    """tshark's reading and ours, message by message."""
    done = subprocess.run([ikelab, "decode", capture, "--keys", keys, "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{name}: ikelab decode exits with {done.returncode}: {done.stderr.strip()}")
        return
    decoded = json.loads(done.stdout)
    ours = {message["frame"]: our_reading(message) for message in decoded["messages"]}
    our_esp = {packet["frame"]: packet for packet in decoded["esp"]}
    with open(os.path.join(keys, "ikev2_decryption_table"), encoding="utf-8") as table:
        # Such an entry opens messages and says nothing about their ICV.
        unchecked = "[No Checking]" in table.read()
    found = []
    messages = 0
    for frame in seen:
        number = frame["number"]
        if is_ike(frame):
            messages += 1
            theirs = tsharks_reading(frame)
            if unchecked and theirs["icv"] == "good":
                theirs["icv"] = "unknown"
            # The pieces of a set of SKF are one message of ours, at the last.
            pieces = payload_types(frame)[:1] == [53] and number not in ours
            if pieces:
                continue
            if number not in ours:
                found.append(f"frame {number}: not decoded")
                continue
            found += [f"frame {number}: {what}" for what in differences(theirs, ours[number])]
        elif is_esp(frame):
            packet = our_esp.get(number)
            spi, sequence = numbers(frame["esp.spi"])[0], numbers(frame["esp.sequence"])[0]
            if packet is None:
                found.append(f"frame {number}: ESP not decoded")
            # The high half of an extended sequence number is not in the packet.
            elif (int(str(packet["spi"]), 16), packet["sequence"] & 0xFFFFFFFF) != (spi, sequence):
                found.append(f"frame {number}: ESP {spi:08x} {sequence} / {packet['spi']} {packet['sequence']}")
            elif "1" in frame["esp.icv_good"] and packet["icv"] != "good":
                found.append(f"frame {number}: ESP icv good / {packet['icv']}")
    # Of a major version it does not know tshark tells the SPIs and little else.
    strangers = set(ours) - {frame["number"] for frame in seen if frame["isakmp.ispi"]}
    found += [f"frame {number}: tshark sees no IKE message" for number in sorted(strangers)]
    if found:
        fail(f"{name}: tshark's reading / ours: {'; '.join(found[:5])}{' ...' if len(found) > 5 else ''}")
    else:
        ok(f"{name}: {messages} IKE messages and {len(our_esp)} ESP packets read alike")


def decode(ikelab, folder):
    captures = sorted(
        os.path.join(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if name.endswith((".pcap", ".pcapng"))
    )
    if not captures:
        fail(f"no capture below {folder}")
    for capture in captures:
        place = os.path.dirname(capture)
        keys = place if os.path.exists(os.path.join(place, "ikev2_decryption_table")) else os.path.join(place, "keys")
        name = os.path.relpath(capture, folder)
        compare(name, ikelab, capture, keys, frames(capture, keys))


def main():
    what, ikelab, folder = sys.argv[1:4]
    {"evidence": evidence, "decode": decode}[what](ikelab, folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
