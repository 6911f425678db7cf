#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A guard for speed and size: Zendo's own figures against those of bench/baseline.json; a step of `make test`, some ten seconds.

A figure that is worse by more than the tolerance fails. When the change is worth its price, or has made figures better, take the new
ones with the reason, and commit the file with the change:

    bench/check.py --update 'core/sched: budgets are looked at on each switch'
"""
import argparse
import json
import os
import sys

import common
import run as bench

BASELINE = os.path.join(common.ROOT, "bench", "baseline.json")
TOLERANCE, LEAST = 0.05, 10  # worse is: by more than 5 % and by more than ten
BASELINE_REASONS = 10  # how many the file keeps


def measure(hv, timeout):
    opts = argparse.Namespace(only=("pv", "pvh"), timeout=timeout)
    lines, _ = common.machine(os.path.join(common.OUT, "firmware.elf"), None, "", 512, timeout, os.path.join(common.OUT, "firmware.log"))
    got, missing = bench.measure(hv, "check", opts, common.parse(lines, "boot.")[0])
    for derived in ("boot.firmware", "boot.guest_entry_512m", "boot.guest_entry_4g", "image.bytes"):
        got.pop(derived, None)
    return got, missing


def compare(old, new, missing):
    """The failures, one line each, and what became better."""
    bad, better = [], []
    for name, was in old.items():
        now = new.get(name)
        if now is None:
            bad.append(f"{name}: no figure ({missing.get(name) or 'not printed'}), it was {was}")
        elif now > was * (1 + TOLERANCE) and now > was + LEAST:
            bad.append(f"{name}: {now}, it was {was} ({100 * (now - was) / was:+.1f} %)")
        elif now < was * (1 - TOLERANCE):
            better.append(f"{name}: {now}, it was {was} ({100 * (now - was) / was:+.1f} %)")
    bad += [f"{name}: {new[name]} is not in the baseline" for name in sorted(set(new) - set(old))]
    return bad, better


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--hv", default=common.HV)
    ap.add_argument("--update", metavar="REASON", help="take the figures as the new baseline")
    ap.add_argument("--counts", metavar="FILE", help="add a line with the numbers of passed and failed figures there")
    ap.add_argument("--timeout", type=float, default=120, help="seconds for one boot")
    opts = ap.parse_args()
    common.build_guests()
    new, missing = measure(opts.hv, opts.timeout)
    base = {"figures": {}, "reasons": []}
    if os.path.exists(BASELINE):
        with open(BASELINE) as f:
            base = json.load(f)
    bad, better = compare(base["figures"], new, missing)
    for line in better:
        print("better " + line)
    for line in bad:
        print("worse  " + line)
    if opts.update:
        base = {"reasons": ([opts.update] + base["reasons"])[:BASELINE_REASONS], "figures": dict(sorted(new.items()))}
        with open(BASELINE, "w") as f:
            json.dump(base, f, indent=1)
            f.write("\n")
        print(f"{len(new)} figures are the new baseline")
        return 0
    if bad:
        print(f"Find where they went: bench/profile.py {bad[0].split(':')[0]}. Worth it: bench/check.py --update 'why', and commit.")
    if opts.counts:
        with open(opts.counts, "a") as f:
            f.write(f"figures {len(base['figures']) - len(bad)} {len(bad)}\n")
    print(f"{len(base['figures']) - len(bad)} figures hold, {len(bad)} do not")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
