"""Cards: what is shown of the rows of a queue, their pictures as one sprite."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.near.kernels.transforms import Moves, nearest_move
from notmnist_store.report.sprites import Shown, Sprite, sprite_png
from notmnist_store.review.queues import Rows, ids_of
from notmnist_store.schema.arrays import Pixels
from notmnist_store.schema.radius import distance
from notmnist_store.schema.transforms import NONE
from notmnist_store.storage.pixels import pixels_by_id
from notmnist_store.storage.tables import Tables
from notmnist_store.text import number_text

_NEIGHBOURS = 4

Card = dict[str, Any]


class Facts:
    """What a catalog knows of every image, in memory: cards are to show at once."""

    def __init__(self, catalog: Catalog, split_set: str) -> None:
        sql = load_queries("review")["facts"].sql
        self._rows = catalog.query(sql, {"split_set": split_set}).combine_chunks()
        self._ids = self._rows["image_id"].to_numpy()

    def of(self, ids: Sequence[int]) -> dict[int, Card]:
        """The facts of these images, without those that are not there."""
        if not len(self._ids):
            return {}
        wanted = np.array(ids, np.int64)
        places = np.minimum(np.searchsorted(self._ids, wanted), len(self._ids) - 1)
        found = self._rows.take(places[self._ids[places] == wanted])
        return {row["image_id"]: row for row in found.to_pylist()}

    def copies(self, ids: Sequence[int]) -> dict[int, str]:
        """These images and all of equal pixels, with the hash of these."""
        hashes = [row["pixel_hash"] for row in self.of(ids).values()]
        same = self._rows.filter(pc.is_in(self._rows["pixel_hash"], pa.array(hashes, pa.string())))
        return dict(zip(same["image_id"].to_pylist(), same["pixel_hash"].to_pylist(), strict=True))

    @cached_property
    def decided(self) -> pa.Table:
        """Images that a decision counts for: image_id."""
        return self._rows.filter(pc.is_valid(self._rows["decision"])).select(["image_id"])


class CardMaker:
    """Makes cards of images by their facts; `moves` may bring a twin nearer."""

    def __init__(self, tables: Tables, facts: Facts, moves: Moves) -> None:
        self._tables = tables
        self._facts = facts
        self._moves = moves
        self._shape = tables.marker.shape

    def cards(self, rows: Rows, start: int, stop: int) -> tuple[list[Card], str]:
        """The cards of these rows, and the sprite of their pictures as a data address."""
        places = range(start, min(stop, len(rows)))
        ids = ids_of(one for n in places for one in (rows.images[n], rows.twins[n]))
        facts, pixels = self._facts.of(ids), pixels_by_id(self._tables, ids)
        sprite = Sprite("cards")
        cards = [self._card(rows, n, facts, pixels, sprite) for n in places]
        return cards, self._address(sprite, pixels)

    def _card(
        self,
        rows: Rows,
        place: int,
        facts: Mapping[int, Card],
        pixels: Mapping[int, Pixels],
        sprite: Sprite,
    ) -> Card:
        image, twin = rows.images[place], rows.twins[place]
        card: Card = {
            "place": place,
            "image": _spoken(image, facts),
            "tiles": {"image": sprite.place(Shown(image))},
            "suggested": rows.suggested[place] if rows.suggested else None,
            "said": _said(rows, place),
        }
        if not twin:
            return card
        squared, transform = self._apart(pixels, image, twin)
        tiles = card["tiles"]
        tiles["twin"] = sprite.place(Shown(twin))
        if transform != NONE.text:
            tiles["moved"] = sprite.place(Shown(image, twin, transform, moved=True))
        tiles["difference"] = sprite.place(Shown(image, twin, transform))
        return card | {
            "twin": _spoken(twin, facts),
            "squared_distance": squared,
            "distance": None if squared is None else distance(squared),
            "transform": transform,
        }

    def _apart(self, pixels: Mapping[int, Pixels], image: int, twin: int) -> tuple[int | None, str]:
        """The squared distance of two images and the move that has it."""
        if image not in pixels or twin not in pixels:
            return None, NONE.text
        one, other = pixels[image].reshape(-1), pixels[twin].reshape(-1)
        squared, move = nearest_move(self._moves, one, other)
        return squared, self._moves.names[move]

    def neighbours(self, catalog: Catalog, ids: Sequence[int]) -> tuple[dict[str, list[Card]], str]:
        """The nearest images of each, as far as they were searched for, and their sprite."""
        same = self._facts.copies(ids)
        chosen = pa.table({"image_id": pa.array(sorted({*ids, *same}), pa.int64())})
        pairs = catalog.query(
            load_queries("near")["pairs_of"].sql, rows={"chosen_image": chosen}
        ).to_pylist()
        found: dict[int, dict[int, int]] = {image: {} for image in ids}
        for image in ids:
            copies = {one for one in same if same[one] == same.get(image)} | {image}
            found[image] = dict.fromkeys(copies - {image}, 0)
            for pair in pairs:
                for one, other in ((pair["a"], pair["b"]), (pair["b"], pair["a"])):
                    if one in copies:
                        found[image][other] = pair["squared_distance"]
        nearest = {
            image: sorted(near.items(), key=lambda one: one[1])[:_NEIGHBOURS]
            for image, near in found.items()
        }
        shown = ids_of(other for near in nearest.values() for other, _ in near)
        facts, pixels = self._facts.of(shown), pixels_by_id(self._tables, shown)
        sprite = Sprite("neighbours")
        cards = {
            str(image): [
                {
                    "id": str(other),
                    "label": facts.get(other, {}).get("label"),
                    "split": facts.get(other, {}).get("split"),
                    "distance": distance(squared),
                    "tile": sprite.place(Shown(other)),
                }
                for other, squared in near
            ]
            for image, near in nearest.items()
        }
        return cards, self._address(sprite, pixels)

    def _address(self, sprite: Sprite, pixels: Mapping[int, Pixels]) -> str:
        if not sprite.places:
            return ""
        png = base64.b64encode(sprite_png(sprite, pixels, self._shape)).decode()
        return f"data:image/png;base64,{png}"


def _spoken(image: int, facts: Mapping[int, Card]) -> Card:
    """Facts of an image as JSON has them: an id has more digits than its numbers."""
    known = facts.get(image, {})
    names = ("label", "split", "source", "path", "font", "pixel_hash", "decision")
    return {"id": str(image)} | {name: known.get(name) for name in names}


def _said(rows: Rows, place: int) -> list[tuple[str, str]]:
    """Further columns of a row as text."""
    if rows.said is None:
        return []
    (row,) = rows.said.slice(place, 1).to_pylist()
    return [
        (name.replace("_", " "), number_text(value, 3) if isinstance(value, float) else str(value))
        for name, value in row.items()
        if value is not None and not (isinstance(value, float) and np.isnan(value))
    ]
