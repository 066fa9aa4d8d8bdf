"""The Python side of bench/candidate.ts: writes the versions, then answers each request line.

The request {"warmUpSteps", "steps", "limitSeconds"} is answered with {"steps", "seconds", "peakBytes"}: the
number of measured steps, their total time and the peak memory of the process.
"""

import json
import math
import resource
import sys
import time


def answer_samples(versions, step):
    """`step` runs one step and returns its loss."""
    write({"versions": {**versions, "python": sys.version.split()[0]}})
    for line in sys.stdin:
        write(sample(step, json.loads(line)))


def sample(step, plan):
    for _ in range(plan["warmUpSteps"]):
        step()
    started = time.perf_counter()
    taken, seconds = 0, 0.0
    while taken < plan["steps"] and seconds < plan["limitSeconds"]:
        if not math.isfinite(step()):
            raise ArithmeticError("the loss is not finite")
        taken += 1
        seconds = time.perf_counter() - started
    return {"steps": taken, "seconds": seconds, "peakBytes": peak_bytes()}


def peak_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def write(message):
    print(json.dumps(message), flush=True)
