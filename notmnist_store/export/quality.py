"""How good a split set is known to be: what some audits count, where their evidence is there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from notmnist_store.catalog.cached_views import hold_shared
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import Query, bind, load_queries
from notmnist_store.catalog.split_sets import find_split_set
from notmnist_store.near.evidence import lacking
from notmnist_store.storage.tables import Tables

_COUNTED = (
    "duplicate_exact",
    "duplicate_near",
    "label_conflict_exact",
    "label_conflict_near",
    "split_leak_exact",
    "split_leak_near",
)
_CERTIFICATE = "pair_certificate"


class Measured(NamedTuple):
    """So many of a total of this grain were found; `command` finds them again."""

    name: str
    title: str
    grain: str
    found: int
    total: int
    command: str

    @property
    def sentence(self) -> str:
        """What it means, for people."""
        return f"{self.title}: {self.found:,} of {self.total:,} ({self.grain})."


def quality(tables: Tables, split_set: str) -> tuple[list[Measured], list[str]]:
    """What the audits of copies and conflicts count, and what is to be said of it.

    An audit whose evidence does not know all images counts nothing: it is said instead.
    """
    catalog = Catalog(tables)
    find_split_set(catalog, split_set)
    measured, said = [], []
    audits = load_queries("audits")
    statements = [f"{audits[name].sql}\n{audits[name].header['total']}" for name in _COUNTED]
    hold_shared(catalog, statements, split_set)
    for name in _COUNTED:
        query = audits[name]
        of_set = "split_set" in query.parameters
        values = bind(query, {"split_set": split_set} if of_set else {}, catalog.shape)
        if _unknown(catalog, query, split_set if of_set else None):
            said.append(f"{query.title}: not looked for.")
            continue
        found = _number(catalog, f"select count(*) from ({query.sql})", values)
        total = _number(catalog, query.header["total"], values)
        within = f" --split-set {split_set}" if of_set else ""
        command = f"notmnist-store audit {name}{within}"
        one = Measured(name, query.title, query.header["grain"], found, total, command)
        measured.append(one)
        said += [one.sentence] if found else []
    checked, certified = _certificate(catalog, split_set)
    return [*measured, *checked], [*said, *certified]


def _unknown(catalog: Catalog, query: Query, split_set: str | None) -> bool:
    """Whether there are images that the evidence it needs does not know."""
    needs = query.header.get("needs")
    if needs is None:
        return False
    if not len(catalog.query("select 1 from radius_join limit 1")):  # which is quick, and tells
        return True
    return lacking(catalog, split_set=split_set, crossing=needs == "crossing") > 0


def _number(catalog: Catalog, sql: str, values: Mapping[str, Any]) -> int:
    used = {name: value for name, value in values.items() if f"${name}" in sql}
    return int(catalog.query(sql, used).column(0)[0].as_py())


def _certificate(catalog: Catalog, split_set: str) -> tuple[list[Measured], list[str]]:
    """The last check of the pairs that says something of this split set."""
    rows = catalog.query(
        "select * from certificate where is_current and coalesce(split_set, $name) = $name"
        " order by split_set nulls last, run_id desc limit 1",
        {"name": split_set},
    ).to_pylist()
    if not rows:
        return [], []
    (row,) = rows
    what = (
        "Pairs of near copies that the search missed, or that are none, by an independent check "
        f"({row['method']}, {row['left_images']:,} pictures against {row['right_images']:,}, "
        f"radius {row['radius']})"
    )
    wrong, of = row["missed"] + row["wrong"], row["pairs"] + row["wrong"]
    command = f"notmnist-store audit {_CERTIFICATE}"
    one = Measured(_CERTIFICATE, what, "pair", wrong, of, command)
    return [one], [one.sentence] if wrong else []


def given_texts(sources: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The licences and citations that were given with the sources, each once."""
    arguments = [json.loads(source["arguments"]) for source in sources]
    return {
        key: list(dict.fromkeys(given[key] for given in arguments if given.get(key)))
        for key in ("license", "citation")
    }
