"""The page's opening: ready to train on, or what stands against it and what mends it."""

from __future__ import annotations

from notmnist_store.audits.verdicts import Verdict
from notmnist_store.report.evidence import Evidence
from notmnist_store.report.markup import Content, Html, command, count, element, note, prose, share

MENDS = {
    "label_conflict_exact": "sanitize my_clean_set --from $split_set --conflicts majority --yes",
    "label_missing": "split my_split --train 0.8 --valid 0.1 --test 0.1",
    "split_leak_exact": "sanitize my_clean_set --from $split_set --yes",
    "split_leak_near": "sanitize my_clean_set --from $split_set --yes",
}
"""What mends a failure, by audit; where none is named, the audit's own next command does."""


def against(evidence: Evidence) -> list[Verdict]:
    """The audits of severity must that do not pass: the data are not ready while there are any."""
    return [verdict for verdict in evidence.verdicts.values() if verdict.stops("must")]


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
    return f"{count(verdict.violating)} of {count(verdict.total)} ({share(verdict.share)})."


def _worth(evidence: Evidence, worth: list[Verdict]) -> Html | None:
    if not worth:
        return None
    noun = "1 thing" if len(worth) == 1 else f"{len(worth)} things"
    return element(
        "details",
        element("summary", f"Worth a look: {noun}"),
        element("ul", [_item(evidence, verdict) for verdict in worth], class_="against"),
    )
