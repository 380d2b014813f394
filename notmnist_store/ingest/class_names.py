"""Option ``--labels``: the names of classes, in their order, with their numbers, or from a file.

A mapping file has a line for each class: its number, then its name, or, as EMNIST ships it, the
code points of the characters that it stands for, of which the first one is the name (``1 65 97``
is class 1, A).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from notmnist_store.sources.class_order import Names

_LARGEST_FILE = 16 << 20
_LARGEST_NUMBER = 1 << 31


def class_names(names: str | Names) -> Names:
    """Names from 'A,B,C', from '1=A,2=B', from the path of a mapping file, or as they are.

    Raises:
        ValueError: one of them is not usable, with the reason.
    """
    if isinstance(names, Mapping):
        return _numbered(list(names.items()), str(names))
    words = _words(names) if isinstance(names, str) else [str(name).strip() for name in names]
    if isinstance(names, str) and len(words) == 1 and _is_file(words[0]):
        return _of_file(Path(words[0]))
    pairs = [re.fullmatch(r"([0-9]{1,10})\s*=\s*(.*)", word) for word in words]
    found = [(int(pair[1]), pair[2]) for pair in pairs if pair]
    if found and len(found) == len(words):
        return _numbered(found, repr(names))
    if not all(words) or len(set(words)) < len(words):
        raise ValueError(f"--labels takes one name a class, each another one, not {names!r}")
    return tuple(words)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _is_file(word: str) -> bool:
    return word.lower().endswith(".txt") or ("/" in word and Path(word).is_file())


def _of_file(path: Path) -> Names:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError(f"{path} is too large for a mapping file of --labels")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ValueError(f"--labels cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}, a mapping file of --labels, is no text in UTF-8") from None
    pairs = []
    for number, line in enumerate(lines, 1):
        words = line.split(maxsplit=1)
        if not words:
            continue
        if len(words) < 2 or not re.fullmatch("[0-9]{1,10}", words[0]):
            raise ValueError(
                f"{path}, line {number}, is {line[:80]!r}; a mapping file of --labels has lines of "
                "a number and a name, or of a number and code points"
            )
        pairs.append((int(words[0]), words[1].strip()))
    if all(re.fullmatch(r"[0-9]{1,7}(\s+[0-9]{1,7})*", rest) for _, rest in pairs):
        pairs = [(number, _character(rest, path)) for number, rest in pairs]
    return _numbered(pairs, str(path))


def _character(codes: str, path: Path) -> str:
    code = int(codes.split()[0])
    letter = chr(code) if code <= 0x10FFFF else ""
    if not letter.isprintable() or not letter.strip():
        raise ValueError(f"{path}, a mapping file of --labels, has {code}, no code of a character")
    return letter


def _numbered(pairs: Sequence[tuple[int, str]], what: str) -> dict[int, str]:
    names = {number: name.strip() for number, name in pairs}
    if len(names) < len(pairs) or len(set(names.values())) < len(names) or not all(names.values()):
        raise ValueError(f"--labels takes one name a number, each another one, not {what}")
    if not names or min(names) < 0 or max(names) >= _LARGEST_NUMBER:
        raise ValueError(f"--labels takes numbers from 0 to {_LARGEST_NUMBER - 1:,}, not {what}")
    return dict(sorted(names.items()))
