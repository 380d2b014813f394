"""What continuous integration is told: JUnit's XML, GitHub's annotations, the action, the hook."""

from __future__ import annotations

import os
import re
import shlex
import site
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

import notmnist_store
from notmnist_store.audits.ci import github, junit
from notmnist_store.audits.verdicts import STATUSES, Verdict
from notmnist_store.cli.main import main
from notmnist_store.schema.words import FAIL_ON, SEVERITIES
from notmnist_store.store import Store
from notmnist_store.testing import make_bad_store

EVERY = [
    Verdict(
        name=f"{severity}_{status}",
        severity=severity,
        status=status,
        seconds=0.25,
        violating=None if status == "broken" else 3,
        total=None if status == "broken" else 9,
        tolerance=0.0,
        next=None if status == "pass" else f"notmnist-store audit {severity}_{status}",
        error=f"it is {status}" if status in ("stale", "broken") else None,
        grain="image",
    )
    for severity in SEVERITIES
    for status in STATUSES
]
"""One of each severity and status."""

SOME = ("split_leak_exact", "image_blank", "duplicate_exact", "hash_collision")

_ANNOTATION = re.compile(r"::(error|warning|notice) title=([^:,]*)::(.*)")


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("ci") / "a bad store"
    make_bad_store(path)
    return notmnist_store.open(path)


def kinds(text: str) -> dict[str, str]:
    """What a JUnit file says of each test case."""
    cases = ElementTree.fromstring(text.encode()).iter("testcase")
    return {case.attrib["name"]: next((each.tag for each in case), "passed") for case in cases}


@pytest.mark.parametrize("fail_on", FAIL_ON)
def test_junit_says_of_each_audit_what_the_gate_does(fail_on: str) -> None:
    said = kinds(junit(EVERY, fail_on, "first"))
    for verdict in EVERY:
        broken = verdict.status == "broken"
        expected = "passed" if verdict.status == "pass" else "skipped"
        if verdict.stops(fail_on):
            expected = "error" if broken else "failure"
        assert said[verdict.name] == expected
    # Written out once: of severity should an audit may find nothing to look at, of must it may not.
    if fail_on == "should":
        assert {said["must_empty"], said["should_fail"], said["must_stale"]} == {"failure"}
        assert (said["should_empty"], said["info_fail"]) == ("skipped", "skipped")
        assert (said["must_broken"], said["info_broken"]) == ("error", "skipped")


def test_junit_counts_its_cases_and_tells_how_to_go_on() -> None:
    (suite,) = ElementTree.fromstring(junit(EVERY, "must", "first").encode())
    tags = [next((each.tag for each in case), "") for case in suite.iter("testcase")]
    assert {k: int(suite.attrib[k]) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": 15,
        "failures": tags.count("failure"),
        "errors": tags.count("error"),
        "skipped": tags.count("skipped"),
    }
    assert float(suite.attrib["time"]) == pytest.approx(15 * 0.25)
    given = {each.attrib["name"]: each.attrib["value"] for each in suite.iter("property")}
    assert given == {"split_set": "first", "fail_on": "must"}
    (failure,) = suite.findall("testcase[@name='must_fail']/failure")
    assert failure.attrib["message"] == EVERY[1].line
    assert (failure.text or "").endswith("to go on: notmnist-store audit must_fail")


@pytest.mark.interop
def test_a_parser_of_junit_files_reads_it(bad: Store) -> None:
    junitparser = pytest.importorskip("junitparser")
    result = bad.audit(split_set="bad", fail_on="should")
    (suite,) = junitparser.JUnitXml.fromstring(result.to_bytes("junit"))
    assert (suite.tests, suite.name) == (len(result.verdicts), "notmnist-store audit")
    for case, verdict in zip(suite, result.verdicts, strict=True):
        assert (case.name, case.time) == (verdict.name, verdict.seconds)
        assert case.is_failure == (verdict.stops("should") and verdict.status != "broken")
        assert case.is_skipped == (verdict.status != "pass" and not verdict.stops("should"))


@pytest.mark.parametrize("fail_on", FAIL_ON)
def test_an_annotation_is_an_error_only_where_the_gate_stops(fail_on: str) -> None:
    levels = {}
    for line in github(EVERY, fail_on, "first").splitlines():
        match = _ANNOTATION.fullmatch(line)
        assert match
        levels[unquote(match[2]).partition(" ")[0]] = match[1]
    for verdict in EVERY:
        beside = None if verdict.status in ("pass", "empty") else "warning"
        if beside and verdict.severity == "info":
            beside = "notice"
        assert levels.get(verdict.name) == ("error" if verdict.stops(fail_on) else beside)


def test_no_text_breaks_out_of_its_place() -> None:
    text = "]]>\"'<&>\n::error::100 %, a:b\r\x00\x1b[31m\ufffe\U0001f600"
    verdict = Verdict(
        name=text, severity="must", status="broken", seconds=0.0, error=text, next=text
    )
    root = ElementTree.fromstring(junit([verdict], "must", text).encode())
    (error,) = root.iter("error")
    kept = "]]>\"'<&>\n::error::100 %, a:b[31m\U0001f600"
    assert f"\n{kept}\n" in (error.text or "")
    (line,) = github([verdict], "must", text).splitlines()
    match = _ANNOTATION.fullmatch(line)
    assert match
    assert unquote(match[3]).count(kept[:-1]) == 3


@pytest.mark.parametrize("fail_on", FAIL_ON)
def test_the_exit_code_is_that_of_any_other_format(
    bad: Store, fail_on: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    audit = ["audit", *SOME, "--store", str(bad.path), "--split-set", "bad", "--fail-on", fail_on]
    code = main(audit)
    assert code == (0 if fail_on == "never" else 1)
    capfd.readouterr()
    assert main([*audit, "--format", "github"]) == code
    assert ("::error" in capfd.readouterr().out) == bool(code)
    file = tmp_path / "audit.xml"
    assert main([*audit, "-o", str(file)]) == code
    said = kinds(file.read_text(encoding="utf-8"))
    assert ("failure" in said.values()) == bool(code)
    assert main(["--format", "junit", *audit]) == code
    assert kinds(capfd.readouterr().out) == said


def test_one_audit_alone_is_one_case(bad: Store, capfd: pytest.CaptureFixture[str]) -> None:
    given = ["--store", str(bad.path), "--split-set", "bad", "--format", "junit"]
    assert main(["audit", "split_leak_exact", *given]) == 1
    assert kinds(capfd.readouterr().out) == {"split_leak_exact": "failure"}


def test_other_commands_write_no_verdicts(bad: Store, capfd: pytest.CaptureFixture[str]) -> None:
    for words in (["sql", "label_counts", "--format", "junit"], ["--format", "github", "info"]):
        assert main([*words, "--store", str(bad.path)]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "info writes table, csv, json" in err


def run_step(
    step: dict[str, Any], inputs: dict[str, str], **environment: str
) -> subprocess.CompletedProcess[str]:
    """A step of a composite action as a runner runs it, in a bash of its own."""
    values = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: inputs[match[1]], text)
        for name, text in step.get("env", {}).items()
    }
    assert step["shell"] == "bash"
    assert "${{" not in step["run"], "an input in the script would be run"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env={**os.environ, **environment, **values},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a fresh Python that finds the dependencies, and not this program."""
    folder = tmp_path_factory.mktemp("fresh") / "python"
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    lines = (f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages())
    (packages / "dependencies.pth").write_text("".join(lines), encoding="utf-8")
    return {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": "",
        # Nothing from the network: the dependencies are there, and what builds a wheel.
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


@pytest.mark.slow
def test_the_steps_of_the_action_install_audit_and_fail(
    repository: Path, bad: Store, fresh: dict[str, str], tmp_path: Path
) -> None:
    yaml = pytest.importorskip("yaml")
    path = repository / ".github/actions/audit/action.yml"
    action = yaml.safe_load(path.read_text(encoding="utf-8"))
    defaults = {name: given.get("default", "") for name, given in action["inputs"].items()}
    install, audit = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite"
    done = run_step(install, {}, GITHUB_ACTION_PATH=str(path.parent), **fresh)
    assert done.returncode == 0, done.stderr

    file = tmp_path / "the verdicts.xml"
    given = {**defaults, "store": str(bad.path), "split-set": "bad", "junit": str(file)}
    given["options"] = " ".join(SOME)
    done = run_step(audit, given, **fresh)
    assert done.returncode == 1, done.stderr
    assert "::error title=split_leak_exact" in done.stdout
    assert kinds(file.read_text(encoding="utf-8"))["split_leak_exact"] == "failure"
    done = run_step(
        audit, {**given, "fail-on": "never", "options": "split_leak_near --radius 2"}, **fresh
    )
    assert done.returncode == 0, done.stderr
    assert "::warning title=split_leak_near" in done.stdout
    assert "--radius 2" in done.stdout
    done = run_step(audit, {**given, "store": "$(touch owned)"}, **fresh)
    assert done.returncode == 3
    assert "$(touch owned)" in done.stderr


def test_the_hook_runs_the_audit_with_what_the_user_adds(
    repository: Path, bad: Store, tmp_path: Path
) -> None:
    yaml = pytest.importorskip("yaml")
    (hook,) = yaml.safe_load((repository / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert (hook["language"], hook["pass_filenames"]) == ("python", False)
    # pre-commit runs `entry` and then `args`; the program is the one its Python has.
    program, *words = shlex.split(hook["entry"])
    assert program == "notmnist-store"
    run = [sys.executable, "-m", "notmnist_store", *words, "--store", str(bad.path)]
    codes = [
        subprocess.run(
            [*run, "--split-set", "bad", *SOME, *more],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(repository)},
            capture_output=True,
            check=False,
            timeout=120,
        ).returncode
        for more in ([], ["--fail-on", "never"])
    ]
    assert codes == [1, 0]
