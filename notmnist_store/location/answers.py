"""What an answer of an S3 server means, as the libraries that asked for it put it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

from notmnist_store.errors import BucketError

Answer = TypeVar("Answer")

MOST_TRIES = 8
CODE = re.compile(r"<Code>(\w+)</Code>")
_CUT = re.compile("body error|reading a body|end of file before")
_STATUS = re.compile(r"status code: (\d{3})|HTTP status: (\d{3})")
_WHO = "env | grep -o '^AWS_[A-Z_]*'"  # names of the variables, never what they hold


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
    for named, reason, hint in (
        ("nosuchbucket", f"there is no bucket {bucket}", _WHO),
        (
            "requesttimetooskewed",
            "the clock of this machine is not that of the server",
            "date --utc",
        ),
        (
            "authorizationheadermalformed",
            f"bucket {bucket} is in another region than AWS_REGION says",
            "export AWS_REGION=eu-central-1",
        ),
        (
            "permanentredirect",
            f"bucket {bucket} is in another region than AWS_REGION says",
            "export AWS_REGION=eu-central-1",
        ),
        ("expiredtoken", "the credentials have run out", _WHO),
        ("invalidaccesskeyid", "the server does not know AWS_ACCESS_KEY_ID", _WHO),
        ("signaturedoesnotmatch", "AWS_SECRET_ACCESS_KEY is not the key's", _WHO),
        ("accessdenied", "these credentials have no right to it", _WHO),
    ):
        if named in words:
            return BucketError(f"{place}: {reason}", hint)
    if status in ("301", "307") or "redirect" in words:
        return BucketError(
            f"{place}: the bucket is in another region than AWS_REGION says",
            "export AWS_REGION=eu-central-1",
        )
    if status in ("401", "403"):
        return BucketError(f"{place}: these credentials have no right to it", _WHO)
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
