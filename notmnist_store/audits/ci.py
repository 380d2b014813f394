"""Verdicts as continuous integration reads them: JUnit's XML, and GitHub's annotations.

A gate reads one thing of them, so both follow `--fail-on`: what makes the command exit with 1 is a
failure or an error in them, and what is found beside that is told and stops nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from xml.etree import ElementTree

from notmnist_store.audits.verdicts import Verdict
from notmnist_store.text import printable

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SUITE = "notmnist-store audit"
_FINE = ("pass", "empty")


def junit(verdicts: Sequence[Verdict], fail_on: str, split_set: str) -> str:
    """A suite of test cases, one an audit: a failure where it stops the gate, an error where that
    is because it could not run, and skipped where it does not pass and stops nothing.
    """
    cases = [_case(verdict, fail_on) for verdict in verdicts]
    counts = {
        "tests": len(cases),
        "failures": sum(case.find("failure") is not None for case in cases),
        "errors": sum(case.find("error") is not None for case in cases),
        "skipped": sum(case.find("skipped") is not None for case in cases),
    }
    seconds = sum(verdict.seconds for verdict in verdicts)
    told = {"name": _SUITE, **{k: str(v) for k, v in counts.items()}, "time": f"{seconds:.3f}"}
    suite = ElementTree.Element("testsuite", told)
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (("split_set", split_set), ("fail_on", fail_on)):
        ElementTree.SubElement(properties, "property", name=name, value=_xml(value))
    suite.extend(cases)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(verdict: Verdict, fail_on: str) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase",
        classname=f"{_SUITE}.{verdict.severity}",
        name=_xml(verdict.name),
        time=f"{verdict.seconds:.3f}",
    )
    if verdict.stops(fail_on):
        kind = "error" if verdict.status == "broken" else "failure"
        said = ElementTree.SubElement(case, kind, type=verdict.status, message=_xml(verdict.line))
        said.text = _xml("\n".join(_lines(verdict)))
    elif verdict.status != "pass":
        ElementTree.SubElement(case, "skipped", message=_xml("; ".join(_lines(verdict))))
    return case


def github(verdicts: Sequence[Verdict], fail_on: str, split_set: str) -> str:
    """A workflow command a line for each audit that does not pass: an error where it stops the
    gate, else a warning, of severity info a notice. Where there is none, nothing.
    """
    lines = []
    for verdict in verdicts:
        if verdict.stops(fail_on):
            level = "error"
        elif verdict.status in _FINE:
            continue
        else:
            level = "notice" if verdict.severity == "info" else "warning"
        title = f"{verdict.name} ({verdict.severity}, split set {split_set})"
        message = _message("\n".join(_lines(verdict)))
        lines.append(f"::{level} title={_property(title)}::{message}\n")
    return "".join(lines)


def _lines(verdict: Verdict) -> list[str]:
    """What is said of one that does not pass, and the command to go on with."""
    said = [verdict.line, *([verdict.error] if verdict.error else [])]
    return [*said, *([f"to go on: {verdict.next}"] if verdict.next else [])]


def _xml(text: str) -> str:
    """`text` without what XML 1.0 cannot hold."""
    return _NOT_XML.sub("", "\n".join(map(printable, text.split("\n"))))


def _message(text: str) -> str:
    """`text` as the message of a workflow command, which is one line."""
    shown = "\n".join(map(printable, text.split("\n")))
    return shown.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    """`text` as a property of a workflow command, whose properties end with a comma or colons."""
    return _message(text).replace(":", "%3A").replace(",", "%2C")


CI_TEXTS: dict[str, Callable[[Sequence[Verdict], str, str], str]] = {
    "junit": junit,
    "github": github,
}
"""Texts by the name that --format takes."""
