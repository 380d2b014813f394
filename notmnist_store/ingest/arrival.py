"""What an ingest says of images that were not stored as they came, or might have been."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from notmnist_store.catalog.connection import Catalog

_COUNTS = """
select
    run.source,
    run.arguments,
    run.members_stored as stored,
    (select count(fit) from stored_image where run_id = run.run_id) as resized,
    (select count(*) from stored_image where run_id = run.run_id and orientation > 1) as turned,
    (select sum(ignored_known) from stored_ledger where run_id = run.run_id) as known,
    (select count(*) from stored_reject where run_id = run.run_id and reason = 'shape') as others
from run
where run.run_id = $run_id
"""


def as_they_came(catalog: Catalog, runs: Sequence[str]) -> Iterator[str]:
    """Notes on images of these runs that were resized, turned, known, or of another shape."""
    for run_id in runs:
        (counts,) = catalog.query(_COUNTS, {"run_id": run_id}).to_pylist()
        arguments = json.loads(counts["arguments"])
        said = []
        if counts["resized"]:
            rule = f"{arguments['fit']}, {arguments['filter']}"
            said.append(f"{counts['resized']:,} brought to {arguments['shape']} ({rule})")
        if counts["turned"]:
            said.append(f"{counts['turned']:,} turned upright by their EXIF")
        if said:
            yield (
                f"{counts['source']}: of {counts['stored']:,} images {', '.join(said)} "
                "(sql image_sizes)"
            )
        if counts["known"]:
            yield (
                f"{counts['source']}: {counts['known']:,} images whose pixels the store had are "
                "not stored again"
            )
        if counts["others"]:
            yield (
                f"{counts['source']}: {counts['others']:,} images of another shape than "
                f"{arguments['shape']} are rejects; to have them, undo this ingest, and repeat it "
                "with --fit pad, or with the --shape of theirs into a store of its own"
            )
