"""What an answer of an S3 server means, as the libraries that asked for it put it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

from notmnist_store.errors import BucketError
from notmnist_store.location.credentials import SHOW_NAMES

Answer = TypeVar("Answer")

MOST_TRIES = 8
CODE = re.compile(r"<Code>(\w+)</Code>")
_CUT = re.compile("body error|reading a body|end of file before")
_STATUS = re.compile(r"status code: (\d{3})|HTTP status: (\d{3})")
_OTHER_REGION = (
    "bucket {} is in another region than AWS_REGION says",
    "export AWS_REGION=eu-central-1",
)
_NO_RIGHT = ("these credentials have no right to it", SHOW_NAMES)
_MEANINGS = {
    "nosuchbucket": ("there is no bucket {}", SHOW_NAMES),
    "requesttimetooskewed": (
        "the clock of this machine is not that of the server",
        "date --utc",
    ),
    "authorizationheadermalformed": _OTHER_REGION,
    "expiredtoken": ("the credentials have run out", SHOW_NAMES),
    "invalidaccesskeyid": ("the server does not know AWS_ACCESS_KEY_ID", SHOW_NAMES),
    "signaturedoesnotmatch": ("AWS_SECRET_ACCESS_KEY is not the key's", SHOW_NAMES),
    "accessdenied": _NO_RIGHT,
    "redirect": _OTHER_REGION,
}
"""Codes of errors, in the letters that the libraries have in common, with reason and hint."""

_STATUSES = {"301": _OTHER_REGION, "307": _OTHER_REGION, "401": _NO_RIGHT, "403": _NO_RIGHT}


def is_answer(text: str) -> bool:
    """Whether an error of a library is about a request, not about what was read."""
    return any(word in text for word in ("Error performing", "HTTP error", "AWS Error", "<Code>"))


def bucket_error(place: str, answer: str) -> BucketError:
    """The error that an answer of a library or a server means, without what else it says."""
    bucket = place.removeprefix("s3://").partition("/")[0]
    code = match[1] if (match := CODE.search(answer)) else ""
    found = _STATUS.search(answer)
    status = (found[1] or found[2]) if found else ""
    words = f"{code} {answer}".replace("_", "").lower()
    meant = next((meant for word, meant in _MEANINGS.items() if word in words), None)
    if meant := meant or _STATUSES.get(status):
        reason, hint = meant
        return BucketError(f"{place}: {reason.format(bucket)}", hint)
    if status:
        tries = f" {MOST_TRIES} times" if status.startswith("5") else ""
        what = f"the server answered {status}{f' {code}' if code else ''}{tries}"
        return BucketError(f"{place}: {what}", "run the same command again later")
    what = f"no whole answer from the server in {MOST_TRIES} tries"
    return BucketError(f"{place}: {what}", 'echo "$AWS_ENDPOINT_URL"')


def was_cut(error: Exception) -> bool:
    """Whether an error of a library means that an answer was cut."""
    return _CUT.search(str(error)) is not None


def asked_again(ask: Callable[[], Answer]) -> Answer:
    """What `ask` gives; where its answer was cut it is asked again, with growing pauses.

    The libraries do so by themselves, but for an answer that is cut while it says what is wrong.
    """
    for attempt in range(MOST_TRIES - 1):
        try:
            return ask()
        except Exception as error:
            if not was_cut(error):
                raise
        time.sleep(0.05 * 2**attempt)
    return ask()
