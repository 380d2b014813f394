"""How to reach a bucket: the environment, or the profile that it names. Never anything else.

Three libraries talk to the server, and each reads its own part of the environment; so it is read
here, once, and each is told the same.
"""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import NamedTuple

from notmnist_store.errors import UsageError

SHOW_NAMES = "env | grep -o '^AWS_[A-Z_]*'"
"""A command that shows which variables are set, never what they hold."""

_DEFAULT_REGION = "us-east-1"


class Credentials(NamedTuple):
    """What the libraries are told; null is left to their own ways (a machine's role, a token file).

    It is never written, shown or logged.
    """

    key_id: str | None
    secret: str | None
    token: str | None
    region: str
    endpoint: str | None

    @property
    def scheme(self) -> str:
        """Http or https."""
        return "http" if (self.endpoint or "").startswith("http://") else "https"

    def options(self) -> dict[str, str]:
        """As obstore and delta-rs want them."""
        known = {
            "aws_access_key_id": self.key_id,
            "aws_secret_access_key": self.secret,
            "aws_session_token": self.token,
            "aws_region": self.region,
            "aws_endpoint": self.endpoint,
        }
        return {name: value for name, value in known.items() if value is not None}


def credentials() -> Credentials:
    """What the environment and the profile say now; the environment goes first.

    Raises:
        UsageError: an endpoint without TLS that is not allowed, half a key, or a profile that is
            not there.
    """
    said = {**_profile(), **{name: value for name, value in _environment().items() if value}}
    key_id, secret = said.get("aws_access_key_id"), said.get("aws_secret_access_key")
    if (key_id is None) != (secret is None):
        raise UsageError(
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together: one is not set", SHOW_NAMES
        )
    endpoint = said.get("endpoint_url")
    if endpoint is not None and not endpoint.startswith(("http://", "https://")):
        raise UsageError(
            "AWS_ENDPOINT_URL must begin with https:// or http://",
            "export AWS_ENDPOINT_URL=https://s3.example.org",
        )
    allowed = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true", "yes")
    if endpoint is not None and endpoint.startswith("http://") and not allowed:
        raise UsageError(
            "AWS_ENDPOINT_URL is http://, which anyone on the way can read",
            "export AWS_ALLOW_HTTP=true",
        )
    region = said.get("region", _DEFAULT_REGION)
    return Credentials(key_id, secret, said.get("aws_session_token"), region, endpoint)


def _environment() -> dict[str, str | None]:
    get = os.environ.get
    return {
        "aws_access_key_id": get("AWS_ACCESS_KEY_ID"),
        "aws_secret_access_key": get("AWS_SECRET_ACCESS_KEY"),
        "aws_session_token": get("AWS_SESSION_TOKEN"),
        "region": get("AWS_REGION") or get("AWS_DEFAULT_REGION"),
        "endpoint_url": get("AWS_ENDPOINT_URL_S3") or get("AWS_ENDPOINT_URL"),
    }


def _profile() -> dict[str, str]:
    """The settings of profile AWS_PROFILE, or of the default one where there is one."""
    asked = os.environ.get("AWS_PROFILE")
    name = asked or "default"
    folder = Path.home() / ".aws"
    found: dict[str, str] = {}
    exists = False
    for variable, file, section in (
        ("AWS_CONFIG_FILE", "config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    ):
        parser = configparser.RawConfigParser()
        path = Path(os.environ.get(variable) or folder / file).expanduser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            raise UsageError(f"{path} is no file of AWS profiles", f"ls -l {path}") from None
        if parser.has_section(section):
            exists = True
            found |= parser.items(section)
    if asked and not exists:
        raise UsageError(f"there is no AWS profile {asked}", f"ls -l {folder}")
    return found
