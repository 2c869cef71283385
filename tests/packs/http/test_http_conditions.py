"""What is expected of an answer: headers, text, values, schemas."""

import json

import pytest

from paramedic.packs.http.checks import answers
from paramedic.packs.http.conditions import Comparison
from paramedic.packs.http.target import Http
from paramedic.sdk import Status

BODY = {"queue": 7, "names": ["a", "b"], "state": "ready, mostly", "flag": True, "none": None}


def answer(ok):
    return lambda n, head: ok(json.dumps(BODY).encode(), headers="Content-Type: application/json; charset=utf-8\r\n")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"reject_body": "broken"}, None),
        ({"reject_body": ("broken", "ready")}, "`ready` is in its"),
        ({"expect_body": ("ready", "mostly")}, None),
        ({"expect_body": ("ready", "wholly")}, "`wholly` is not in its"),
        ({"expect_pattern": r'"queue": \d+'}, None),
        ({"expect_pattern": r"queue=\d+"}, "is found nowhere"),
        ({"expect_json": {"queue": Comparison(below=10, at_least=7)}}, None),
        ({"expect_json": {"queue": Comparison(below=7)}}, "`queue` is `7`"),
        ({"expect_json": {"queue": Comparison(above=7)}}, "`queue` is `7`"),
        ({"expect_json": {"queue": Comparison(at_most=6.5)}}, "`queue` is `7`"),
        ({"expect_json": {"state": Comparison(below=7)}}, "`state` is"),
        ({"expect_json": {"flag": Comparison(above=0)}}, "`flag` is `true`"),
        ({"expect_json": {"queue": Comparison(one_of=(1, 7))}}, None),
        ({"expect_json": {"flag": Comparison(one_of=(1, 7))}}, "`flag` is `true`"),
        ({"expect_json": {"state": Comparison(contains="ready", matches="^ready")}}, None),
        ({"expect_json": {"state": Comparison(matches="^mostly")}}, "`state` is"),
        ({"expect_json": {"names": Comparison(contains="b", length_at_least=2, length_at_most=2)}}, None),
        ({"expect_json": {"names": Comparison(length_at_least=3)}}, "`names` is"),
        ({"expect_json": {"none": Comparison(present=True), "more": Comparison(present=False)}}, None),
        ({"expect_json": {"queue": Comparison(present=False)}}, "`queue` is `7`"),
        ({"expect_json": {"more": Comparison(below=1)}}, "holds no `more`"),
    ],
)
async def test_conditions_on_the_body(look, serve, ok, fields, says):
    """Each condition holds or is named with what was found instead."""
    [found] = await look(answers, Http(url=await serve(answer(ok)), samples=1, **fields))
    if says is None:
        assert found.status is Status.OK
    else:
        assert (found.status, found.code) == (Status.CRITICAL, "http.body")
        assert says in found.observed
        assert found.expected


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"Content-Type": "application/json"}, None),
        ({"content-type": Comparison(matches="utf-8$")}, None),
        ({"X-Powered-By": Comparison(present=False)}, None),
        ({"Content-Type": "text/html"}, "is `application/json; charset=utf-8`"),
        ({"X-Frame-Options": "DENY"}, "there is no header `X-Frame-Options`"),
        ({"Content-Type": Comparison(present=False)}, "the header `Content-Type` is"),
    ],
)
async def test_conditions_on_headers(look, serve, ok, headers, says):
    """A header that is missing or says something else is `http.header`."""
    [found] = await look(answers, Http(url=await serve(answer(ok)), samples=1, expect_headers=headers))
    if says is None:
        assert found.status is Status.OK
    else:
        assert (found.status, found.code) == (Status.CRITICAL, "http.header")
        assert says in found.observed


async def test_a_json_schema(look, serve, ok, tmp_path):
    """A body that breaks a rule of its schema is `http.body`; a schema that is none says nothing about the server."""
    schema = tmp_path / "answer.schema.json"
    url = await serve(answer(ok))

    async def judged(rules: str):
        schema.write_text(rules)
        [found] = await look(answers, Http(url=url, samples=1, expect_schema=schema))
        return found

    assert (await judged('{"required": ["queue"]}')).status is Status.OK
    found = await judged('{"properties": {"queue": {"maximum": 5}}}')
    assert found.code == "http.body"
    assert "`queue` breaks the rule `maximum`" in found.observed
    for broken in ("{", '{"$ref": "http://127.0.0.1:1/other"}', '{"type": 7}'):
        assert (await judged(broken)).status is Status.UNKNOWN


def test_conditions_that_say_nothing_are_refused():
    """A comparison compares something, and a pattern is one."""
    with pytest.raises(ValueError, match="at least one of"):
        Comparison()
    with pytest.raises(ValueError, match="no regular expression"):
        Comparison(matches="(")
    with pytest.raises(ValueError, match="no regular expression"):
        Http(url="http://x/", expect_pattern="(")
