"""The commands about near duplicates, as methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from notmnist_store.result import Result
from notmnist_store.storage.tables import Tables
from notmnist_store.store_base import StoreBase

if TYPE_CHECKING:
    from notmnist_store.storage.members import Limits

__all__ = ["StoreDuplicates"]

_SEARCHED = """
select
    radius_join.run_id,
    radius_join.radius,
    radius_join.images,
    radius_join.distinct_images,
    radius_join.pairs,
    radius_join.group_radius,
    (select count(*) from duplicate_group where kind = 'near') as groups,
    (select max(images) from duplicate_group where kind = 'near') as largest_group
from radius_join
where radius_join.run_id = $run_id
"""


class StoreDuplicates(StoreBase):
    """Near duplicates: find them, prove it, compare other sources, and make sets without them."""

    def near_duplicates(
        self,
        *,
        radius: str | None = None,
        group_radius: str | None = None,
        limit: int | None = None,
        chunk_pairs: int | None = None,
        workers: int | None = None,
    ) -> Result:
        """Find all pairs of different pictures within ``radius`` of each other; one run.

        ``radius`` is a Euclidean distance over pixels scaled to [0, 1], as text so that it is read
        exactly: by default 2.0 for 28x28x1, and 2.0 x sqrt(h w c / 784) for other shapes. Groups
        are made at ``group_radius`` (1.0). After new images only what is new is compared.
        ``limit`` is the most pairs to find (100 million), ``workers`` the number of threads. A
        small sample is checked by an independent method: view ``certificate``, and `certify`.

        Returns one row: run_id, radius, images, distinct_images, pairs, group_radius, groups,
        largest_group.

        Raises:
            UsageError: a radius or number that cannot be meant, or more pairs than ``limit``.
            StoreError: no images, too little memory, a damaged data file; or pairs that the check
                does not find, stored all the same.
        """
        from notmnist_store.duplicates import DEFAULT_LIMIT, NearOptions, near_duplicates
        from notmnist_store.kernels.radius_join import CHUNK_PAIRS

        options = NearOptions(
            radius=None if radius is None else str(radius),
            group_radius=None if group_radius is None else str(group_radius),
            limit=DEFAULT_LIMIT if limit is None else limit,
            chunk_pairs=CHUNK_PAIRS if chunk_pairs is None else chunk_pairs,
            threads=workers,
        )
        run_id = near_duplicates(Tables.open(self.path), options, self._progress)
        return self._result(self._catalog().query(_SEARCHED, {"run_id": run_id}))

    def certify(
        self, split_set: str | None = None, *, sample: int | None = None, seed: int = 0
    ) -> Result:
        """Check the pairs by an independent method, and store a certificate; one run.

        With ``split_set`` every evaluation picture is compared with every picture that must not
        know it; without, ``sample`` random pictures (1,000, drawn by ``seed``) with all.

        Returns one row, that of view ``certificate``.

        Raises:
            UsageError: no such split set, or a sample that cannot be meant.
            StoreError: near duplicates were not searched, or not in all these images; or the check
                disagrees (the certificate says so, and is stored).
        """
        from notmnist_store.certificate import certify

        run_id = certify(
            Tables.open(self.path), split_set, sample=sample, seed=seed, progress=self._progress
        )
        rows = "select * from certificate where run_id = $run_id"
        return self._result(self._catalog().query(rows, {"run_id": run_id}))

    def near_duplicates_against(
        self,
        split_set: str,
        source: str | Path,
        *,
        radius: str | None = None,
        to_grey: bool = False,
        labels: str | Sequence[str] | None = None,
        transpose: bool = False,
        limits: Limits | None = None,
        workers: int | None = None,
    ) -> Result:
        """Find the images of a source that are copies or near copies of a split set's images.

        The source is anything that `Store.ingest` takes, with images of this store's shape; it is
        read into a temporary folder, and nothing is written to the store. ``radius`` is text (1.0
        by default); the pairs of `near_duplicates` are not needed. The options that follow are
        those of `Store.ingest`.

        Returns one row an image of the source and split (train, valid, test) that has a picture
        within the radius, with the nearest: path, label, image_id, split, store_label, distance,
        squared_distance; the nearest first.

        Raises:
            UsageError: no such split set, or an option that cannot be meant.
            SourceError: a source that cannot be read whole, of another shape, or without images.
            StoreError: a damaged data file.
        """
        from notmnist_store.ingest_options import read_options
        from notmnist_store.near_against import near_against

        options = read_options(
            [source],
            shape=None,
            fractions=None,
            labels=labels,
            limits=limits,
            to_grey=to_grey,
            transpose=transpose,
            workers=workers,
        )
        wanted = None if radius is None else str(radius)
        tables = Tables.open(self.path)
        return self._result(
            near_against(tables, split_set, Path(source), options, self._progress, radius=wanted)
        )

    def sanitize(
        self,
        new: str,
        *,
        base: str,
        keep: str | Sequence[str] = ("train", "valid", "test"),
        radius: str | float | None = None,
        policy: str = "keep",
        conflicts: str = "keep",
        refill: bool = False,
        seed: int = 0,
        yes: bool = False,
        replace: bool = False,
    ) -> Result:
        """Say what a split set without copies or near copies across splits would lose; make it.

        It is made of split set ``base`` (``--from``), and only with ``yes``. Of two images within
        ``radius`` of each other in different splits, the one in the split that ``keep`` names first
        stays. Policy ``minimal``: the fewest go from the first two splits of ``keep``. Near copies
        under several labels stay unless ``conflicts`` is ``drop`` or ``majority``; both say so
        first. ``refill`` tops each split and label up again from unused images, by ``seed``.
        ``radius`` is text (1.0 for 28x28x1, as in the audits); 0 is about equal pixels alone.

        Returns one row a split and label, and one a split (label null) for several radii: radius,
        split, label, images, exact, near, conflict, refilled, left.

        Raises:
            UsageError: an option that cannot be meant, a radius beyond that of the last
                near-duplicates run, or a name taken by other arguments.
            StoreError: the pairs do not know all images of ``base``, or some were withdrawn.
        """
        from notmnist_store.sanitize import sanitize
        from notmnist_store.sanitize_options import SanitizeOptions

        options = SanitizeOptions.of(
            base, keep, radius, policy=policy, conflicts=conflicts, refill=refill, seed=seed
        )
        tables = Tables.open(self.path)
        return self._result(
            sanitize(tables, new, options, self._progress, yes=yes, replace=replace)
        )

    def near_components(self, *, radius: str | None = None, seed: int = 0) -> Result:
        """Connected components of the known pairs, to see how far chains of near copies go.

        At ``radius``, or at 0.5, 1, 1.5, 2 as far as the last search went. A diagnostic: groups
        are stars (view duplicate_group), in which no image is far from the one that stands for it.

        Returns one row a radius: radius, components (of two pictures or more), largest (pictures in
        the largest), share (of all pictures), diameter (the largest distance between `sampled`
        pictures of it, drawn by ``seed``), sampled, image_id (its first picture).

        Raises:
            UsageError: a radius that is none, or beyond that of the last search.
            StoreError: there has been no search, or a data file is damaged.
        """
        from notmnist_store.near_components import near_components

        chosen = None if radius is None else str(radius)
        return self._result(
            near_components(Tables.open(self.path), self._catalog(), chosen, seed=seed)
        )
