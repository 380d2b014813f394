"""The page's opening: ready to train on, or what stands against it and what mends it."""

from __future__ import annotations

from dataclasses import replace

from notmnist_store.audits.verdicts import Verdict
from notmnist_store.report.evidence import Evidence
from notmnist_store.report.markup import Content, Html, command, count, element, note, prose, share

_EMPTY = "split_empty"
_SANITIZE = "sanitize my_clean_set --from $split_set --keep $keep"
MENDS = {
    "label_conflict_exact": f"{_SANITIZE} --conflicts majority --yes",
    "label_missing": "split my_split --train 0.8 --valid 0.1 --test 0.1",
    "split_leak_exact": f"{_SANITIZE} --yes",
    "split_leak_near": f"{_SANITIZE} --yes",
}
"""What mends a failure, by audit; where none is named, the audit's own next command does."""


def against(evidence: Evidence) -> list[Verdict]:
    """The audits of severity must that do not pass: the data are not ready while there are any.

    Nor are they without an image in train, be it that none was asked for.
    """
    blocking = [verdict for verdict in evidence.verdicts.values() if verdict.stops("must")]
    if not evidence.version.counts["train"] and all(v.name != _EMPTY for v in blocking):
        verdict = evidence.verdicts[_EMPTY]
        no_train = "No image is in train: there is nothing to learn from."
        blocking.append(replace(verdict, status="fail", error=no_train))
    return blocking


def render_verdict(evidence: Evidence) -> Html:
    """The verdict, each thing that stands against it, and what else is worth a look."""
    blocking = against(evidence)
    worth = [v for v in evidence.verdicts.values() if v.stops("should") and v not in blocking]
    ready = not blocking
    return element(
        "div",
        element(
            "h2", "Ready to train on" if ready else "Not ready to train on", id="verdict-title"
        ),
        element("p", _summary(evidence, blocking, worth)),
        element("ul", [_item(evidence, v) for v in blocking], class_="against")
        if blocking
        else None,
        _borne(evidence),
        _worth(evidence, worth),
        class_="verdict good" if ready else "verdict bad",
        id="verdict",
    )


def status(verdict: Verdict) -> Html:
    """A status as a word in its colour; what only informs is not coloured as a failure."""
    quiet = verdict.severity == "info" and verdict.status == "fail"
    return element("span", verdict.status, class_="status" if quiet else f"status {verdict.status}")


def _summary(evidence: Evidence, blocking: list[Verdict], worth: list[Verdict]) -> str:
    musts = sum(verdict.severity == "must" for verdict in evidence.verdicts.values())
    if blocking:
        things = "thing stands" if len(blocking) == 1 else "things stand"
        return f"{len(blocking)} {things} against it, of {musts} that must hold."
    looks = f" {len(worth)} things are worth a look." if worth else ""
    return f"All {musts} audits that must pass do.{looks}"


def _item(evidence: Evidence, verdict: Verdict) -> Html:
    audit = evidence.audits[verdict.name]
    return element(
        "li",
        element(
            "div",
            element("h3", status(verdict), " ", audit.title),
            element("p", _counted(verdict)),
            note(prose(audit.header["do"])) if "do" in audit.header else None,
        ),
        _remedy(evidence, verdict),
    )


def _remedy(evidence: Evidence, verdict: Verdict) -> Html:
    """The command that mends it, where there is one, and the one to look with or to go on with."""
    mend = MENDS.get(verdict.name) if verdict.status == "fail" else None
    parts: list[Content] = []
    if mend is not None:
        line = evidence.filled(f"notmnist-store {mend}")
        parts += [note("To mend it:"), command(line)]
    if verdict.next:
        title = "To look first:" if mend else "To go on:"
        parts += [note(title), command(verdict.next)]
    return element("div", parts, class_="remedy")


def _counted(verdict: Verdict) -> Content:
    if verdict.error:
        return verdict.error
    if verdict.total == 0:
        return "There was nothing to look at."
    return f"{_found(verdict)}."


def _found(verdict: Verdict) -> str:
    return f"{count(verdict.violating)} of {count(verdict.total)} ({share(verdict.share)})"


def _borne(evidence: Evidence) -> Html | None:
    """What was found by audits that this page was told to bear more of than they do."""
    if not evidence.tolerances:
        return None
    told = []
    for name, most in evidence.tolerances.items():
        verdict = evidence.verdicts[name]
        found = "" if verdict.share is None else f", {_found(verdict)}"
        told.append(element("li", element("code", name), f": up to {share(most)}{found}"))
    return element(
        "div", element("p", "Borne on this page, as it was asked for:"), element("ul", told)
    )


def _worth(evidence: Evidence, worth: list[Verdict]) -> Html | None:
    if not worth:
        return None
    noun = "1 thing" if len(worth) == 1 else f"{len(worth)} things"
    return element(
        "details",
        element("summary", f"Worth a look: {noun}"),
        element("ul", [_item(evidence, verdict) for verdict in worth], class_="against"),
    )
