"""Words for what is wrong: every type has one, and errors of programs find theirs."""

import configparser
import json
import socket
import sqlite3
import ssl
import tomllib

import pytest

from paramedic.model.code import IssueType
from paramedic.recovery.issues import issue_of, issue_types


def test_every_type_of_incident_belongs_to_one_word() -> None:
    """Nothing that can be wrong is out of reach, and nothing is meant twice."""
    types = [each for group in issue_types().values() for each in group]
    assert sorted(types) == sorted(IssueType)
    assert list(issue_types()) == ["performance", "connectivity", "database", "ai", "config", "budget", "general"]


class OwnRefusal(ConnectionRefusedError):
    """An error of a program, made from one of Python's."""


@pytest.mark.parametrize(
    ("error", "issue"),
    [
        (ConnectionRefusedError(111, "refused"), "connectivity"),
        (OwnRefusal("no"), "connectivity"),
        (socket.gaierror(-2, "unknown"), "connectivity"),
        (ssl.SSLError("bad"), "connectivity"),
        (TimeoutError(), "performance"),
        (MemoryError(), "general"),
        (sqlite3.OperationalError("locked"), "database"),
        (json.JSONDecodeError("bad", "{", 1), "config"),
        (tomllib.TOMLDecodeError("bad"), "config"),
        (configparser.NoSectionError("x"), "config"),
        (ValueError("bad"), "config"),
        (ModuleNotFoundError("x"), "config"),
        (FileNotFoundError("x"), "general"),
        (RuntimeError("x"), "general"),
        (KeyError("x"), "general"),
    ],
)
def test_the_class_of_an_error_says_what_is_looked_for(error: BaseException, issue: str) -> None:
    """The nearest known class decides; what nobody knows is general."""
    assert issue_of(error) == issue
