"""A peer's side of the conversation that bench/contender.ts leads: versions first, then line by line a request for steps and its answer.

{"warmUpSteps", "steps", "limitSeconds"} is answered by {"steps", "seconds", "peakBytes"}: how many steps were measured, their time
and the most memory held.
"""

import json
import math
import resource
import sys
import time


def answer_bursts(versions, step):
    """`step` takes one step and gives its loss."""
    answer({"versions": {**versions, "python": sys.version.split()[0]}})
    for line in sys.stdin:
        answer(burst(step, json.loads(line)))


def burst(step, asked):
    for _ in range(asked["warmUpSteps"]):
        step()
    started = time.perf_counter()
    taken, seconds = 0, 0.0
    while taken < asked["steps"] and seconds < asked["limitSeconds"]:
        if not math.isfinite(step()):
            raise ArithmeticError("the loss is not finite")
        taken += 1
        seconds = time.perf_counter() - started
    return {"steps": taken, "seconds": seconds, "peakBytes": peak_bytes()}


def peak_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def answer(message):
    print(json.dumps(message), flush=True)
