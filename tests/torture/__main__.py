"""make torture: disturb the program in every way there is, and hold what comes of it.

python -m tests.torture [--short] [--seed N] [--part NAME] [--only TEXT] [--record]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.torture import page
from tests.torture.parts import PARTS
from tests.torture.trial import Asked, run


def main() -> int:
    """Run what is asked for; returns 1 where a trial failed."""
    parser = argparse.ArgumentParser(prog="make torture ARGS=", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a sample of each part, in minutes")
    parser.add_argument("--seed", type=int, default=20110908, help="of all that is drawn")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part, or these")
    parser.add_argument("--only", default="", help="only trials with this in their name")
    parser.add_argument("--every", type=int, default=1, help="of so many trials only the first")
    parser.add_argument("--record", action="store_true", help="write docs/guarantees.md anew")
    parser.add_argument("--page", action="store_true", help="write that page alone, try nothing")
    parser.add_argument("--verbose", action="store_true", help="say what each trial came to")
    given = parser.parse_args()
    if given.page:
        page.write({}, list(PARTS))
        return 0
    failed = False
    if given.record and given.only:
        parser.error("--record is of whole parts: not with --only")
    for name in given.part or PARTS:
        with tempfile.TemporaryDirectory(prefix="torture-") as folder:
            asked = Asked(
                given.seed, given.short, Path(folder), given.only, given.verbose, given.every
            )
            tally = run(name, PARTS[name](asked), asked)
        print(f"{name}: {tally.trials} trials, {tally.inputs} inputs, {tally.seconds:.0f} s")
        for outcome, times in tally.outcomes.most_common():
            print(f"  {times:6} {outcome}")
        print(f"  {len(tally.failures):6} failed", flush=True)
        failed |= bool(tally.failures)
        if given.record:
            page.write({name: page.row(tally, asked)}, list(PARTS))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
