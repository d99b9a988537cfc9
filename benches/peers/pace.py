"""An open loop as one would write it in Python: sleep until the next event is due, then release all that are.

Nothing is made and nothing is sent: what is measured is how late events are released, against their schedule.
"""

import argparse
import json
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=int, required=True, help="events a second")
    parser.add_argument("--events", type=int, required=True)
    args = parser.parse_args()
    late_s = []
    start = time.monotonic() + 0.02
    released = 0
    while released < args.events:
        now = time.monotonic() - start
        while released < args.events and released / args.rate <= now:
            late_s.append(now - released / args.rate)
            released += 1
        time.sleep(max(0.0, released / args.rate + start - time.monotonic()))
    late_s.sort()
    print(json.dumps({"offered": released, "p999_ms": 1_000 * late_s[int(0.999 * (released - 1))]}))


if __name__ == "__main__":
    main()
