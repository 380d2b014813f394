"""The commands about near duplicates, as methods."""

from __future__ import annotations

from notmnist_store.result import Result
from notmnist_store.storage.tables import Tables
from notmnist_store.store_base import StoreBase

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
    """Near duplicates: find them."""

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
        ``limit`` is the most pairs to find (100 million), ``workers`` the number of threads.

        Returns one row: run_id, radius, images, distinct_images, pairs, group_radius, groups,
        largest_group.

        Raises:
            UsageError: a radius or number that cannot be meant, or more pairs than ``limit``.
            StoreError: no images, too little memory, or a damaged data file.
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
