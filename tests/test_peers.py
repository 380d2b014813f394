"""The benchmark beside peers: what is true, how an answer is judged, what is shown of it."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from tests.support.archives import pack, png

SIDE = 28


def blob(number: int) -> np.ndarray:
    """A picture of its own, with a frame of paper about it."""
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[8:20, 8:20] = np.random.default_rng(number).integers(100, 256, (12, 12))
    return image


def changed(image: np.ndarray, by: int) -> np.ndarray:
    other = image.copy()
    other[10, 10] -= np.uint8(by)
    return other


def shifted(image: np.ndarray) -> np.ndarray:
    return np.roll(image, 1, axis=1)


PICTURES = [
    blob(0),
    blob(0),
    changed(blob(0), 60),
    shifted(blob(0)),
    *(blob(n) for n in range(1, 17)),
]
"""Row 1 is row 0 again, row 2 is near both, row 3 is near them when it moves."""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    named = enumerate(PICTURES)
    return pack(
        tmp_path / "set.tar.gz", [(f"set/A/{n:02d}.png", png(p[:, :, None])) for n, p in named]
    )


@pytest.fixture
def laid_out(load, archive: Path, tmp_path: Path) -> Path:
    load("peers").laid_out(archive, tmp_path / "work", files=True)
    return tmp_path / "work"


def names_of(folder: Path) -> list[str]:
    names: list[str] = json.loads((folder / "names.json").read_text())
    return names


def test_images_are_laid_out_once_for_all(laid_out: Path) -> None:
    names = names_of(laid_out)
    assert [name.partition("/")[2] for name in names] == [f"A/{n:02d}.png" for n in range(20)]
    assert sum(name.startswith("test/") for name in names) == 2
    assert np.array_equal(np.load(laid_out / "pixels.npy"), [p.ravel() for p in PICTURES])
    assert {str(f.relative_to(laid_out / "files")) for f in laid_out.rglob("*.png")} == set(names)


def test_what_there_is_to_find_is_that_of_plain_arithmetic(load, laid_out: Path) -> None:
    truth = load("peer_truth").Truth.of(laid_out)
    assert truth.pairs["exact"] == {(0, 1)}
    assert truth.pairs["near"] == {(0, 1), (0, 2), (1, 2)}
    assert truth.pairs["moved"] == {(a, b) for a in range(4) for b in range(a + 1, 4)}
    squared = load("peer_truth").squared_distances(*(np.load(laid_out / "pixels.npy"),) * 2)
    wide = np.stack(PICTURES).reshape(20, -1).astype(int)
    assert np.array_equal(squared, ((wide[:, None] - wide[None]) ** 2).sum(axis=2))


def test_an_answer_is_judged_by_its_pairs(load, laid_out: Path) -> None:
    truth, names = load("peer_truth").Truth.of(laid_out), names_of(laid_out)

    def judged(**found: object) -> tuple[float | None, float | None]:
        shares = truth.judged("near", found)
        return shares.get("recall"), shares.get("precision")

    assert judged(groups=[[names[2], names[0], names[1]]]) == (1, 1)
    assert judged(groups=[names[:4]]) == (1, 0.5)
    assert judged(pairs=[(names[2], names[0]), (names[0], names[5])]) == (1 / 3, 0.5)
    assert judged(pairs=[(names[0], names[2])], copies=[names[:2]]) == (1, 1)
    assert judged(groups=[]) == (0, None)
    exact = truth.judged("exact", {"groups": [names[:3]], "exact": [names[:2]]})
    assert exact == {"recall": 1, "precision": 1}


def test_leaks_and_a_clean_split_are_judged_by_images_of_test(load, tmp_path: Path) -> None:
    """Of two images of test one is in train again."""
    truth_module = load("peer_truth")
    names = [f"{'test' if n in (1, 9) else 'train'}/A/{n:02d}.png" for n in range(20)]
    np.save(tmp_path / "pixels.npy", np.stack(PICTURES).reshape(20, -1))
    (tmp_path / "names.json").write_text(json.dumps(names))
    truth = truth_module.Truth.of(tmp_path)
    assert truth.judged("leaks", {"leaks": [names[1]]}) == {"recall": 1, "precision": 1}
    assert truth.judged("leaks", {"leaks": [names[9]]}) == {"recall": 0, "precision": 0}
    assert truth.judged("leaks", {"leaks": []}) == {"recall": 0}
    without = [name for name in names if name != names[1]]
    whole = {"recall": 1, "precision": 1, "left": 0, "leaks": 1}
    assert truth.judged("clean", {"kept": without}) == whole
    assert truth.judged("clean", {"kept": names}) == {"recall": 0, "left": 1, "leaks": 1}
    other_way = [name for name in names if name not in (names[0], names[2])]
    assert truth.judged("clean", {"kept": other_way})["left"] == 0


def test_every_peer_has_tasks_and_every_task_a_title(load) -> None:
    peers, tasks = load("peers"), load("peer_tasks").TASKS
    assert {peer for peer, _ in tasks} == set(peers.PEERS)
    assert {task for _, task in tasks} == set(load("peer_results").TITLES)
    pins = [pin for peer in peers.PEERS.values() for pin in peer.requirements]
    assert all("==" in pin for pin in pins)


@pytest.mark.parametrize("peer", ["notmnist_store", "notebook", "pandas", "duckdb"])
@pytest.mark.slow
def test_tasks_find_what_there_is(load, laid_out: Path, peer: str) -> None:
    peers, names = load("peers"), names_of(laid_out)
    truth = load("peer_truth").Truth.of(laid_out)
    for task in [task for name, task in load("peer_tasks").TASKS if name == peer]:
        outcome = peers.run_task(peer, task, [sys.executable], laid_out, 120)
        assert "error" not in outcome, outcome
        assert outcome["seconds"] > 0 < outcome["memory"]
        shares = truth.judged(task, outcome["found"])
        assert shares.get("precision", 1) == 1, task
        if task == "exact" or peer == "notmnist_store":  # hashes find no near leaks
            assert shares.get("recall", 1) == 1, task
            assert shares.get("left", 0) == 0
        if task == "array":
            train = sum(name.startswith("train") for name in names)
            assert outcome["found"]["shape"] == [train, SIDE, SIDE]


def test_a_peer_that_fails_or_is_too_slow_is_shown_so(load, laid_out: Path) -> None:
    measure, peers = load("measure"), load("peers")
    slow = measure.watched([sys.executable, "-c", "import time; time.sleep(60)"], {}, 0.2)
    assert slow.error == "stopped after 0 s"
    assert slow.wall < 30
    fails = "import sys; print('one', file=sys.stderr); sys.exit('no such operator | x')"
    failed = measure.watched([sys.executable, "-c", fails], {}, 60)
    assert failed.error == "no such operator | x"
    held = measure.watched([sys.executable, "-c", "x = b'x' * (99 << 20)"], {}, 60)
    assert held.error == ""
    outcome = peers.run_task("none", "near", [sys.executable], laid_out, 60)
    assert outcome["error"] == "KeyError: ('none', 'near')"


def test_results_are_shown_with_the_headline_first(load, tmp_path: Path) -> None:
    results = load("peer_results")
    cost = {"seconds": 2.0, "cpu": 3.0, "memory": 5 << 20, "recall": 0.5, "precision": 1.0}
    of_size = {
        "limit": 60,
        "load": 7.5,
        "outcomes": {
            "notmnist_store near": cost,
            "faiss near": {"error": "stopped after 60 s", "seconds": 60.0},
            "notmnist_store clean": cost | {"left": 0, "leaks": 3, "bytes": 1 << 20},
        },
        "headline": [{"command": "ingest", "seconds": 1.5, "memory": 3 << 20}] * 2,
    }
    measured = {"1000": of_size, "100": of_size}
    text = results.markdown(measured, {"faiss": ["faiss-cpu==1.15.1"]})
    assert "**From two archives of 1,000 images" in text
    assert "on 2 cores: 3.0 s, 3 MiB at the most.**" in text
    plain = " ".join(text.split())
    assert "| 1,000 | notmnist_store | 2.00 | 3.00 | 500 | 5 | | 50.0% | 100.0% |" in plain
    assert "| 1,000 | faiss | | | | | | | | stopped after 60 s |" in plain
    assert "of 3 leaks 0 are left" in text
    assert "others were at work on these cores" in text
    drawings = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for drawing in drawings:
        results.draw_peers(measured, drawing)
    assert drawings[0].read_bytes() == drawings[1].read_bytes()
    shown = {element.text for element in ElementTree.parse(drawings[0]).iter()}
    assert {"notmnist_store", "100", "1,000"} <= shown
    assert "faiss" not in shown
