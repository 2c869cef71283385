"""The flags for code that speaks OpenFeature."""

import sys

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from paramedic.guard import FeatureFlags, MissingExtra
from paramedic.guard.flags import share
from paramedic.guard.openfeature import ParamedicProvider


@pytest.fixture
def client():
    flags = FeatureFlags({"on": True, "off": False, "half": {"rollout_percent": 50, "categories": ["x"]}})
    api.set_provider(ParamedicProvider(flags))
    yield api.get_client()
    api.clear_providers()


def test_booleans_are_resolved(client) -> None:
    """With the targeting key and the attributes; the default stands for what is not there."""
    assert client.get_boolean_value("on", False) is True
    assert client.get_boolean_value("off", True) is False
    assert client.get_boolean_value("missing", True) is True
    key = next(f"k{number}" for number in range(99) if share("half", f"k{number}") < 5000)
    inside = EvaluationContext(targeting_key=key, attributes={"category": "x"})
    assert client.get_boolean_value("half", False, inside) is True
    assert client.get_boolean_value("half", True, EvaluationContext(targeting_key=key)) is False
    details = client.get_boolean_details("on", False)
    assert (details.reason, details.variant) == (Reason.TARGETING_MATCH, "on")
    assert client.get_boolean_details("off", True).variant == "off"
    assert client.get_boolean_details("missing", False).error_code is ErrorCode.FLAG_NOT_FOUND
    assert api.get_provider_metadata().name == "paramedic"


def test_in_an_emergency_no_default_turns_anything_on(client, monkeypatch) -> None:
    """What is off for the one interface is off for the other, whether the file names it or not."""
    monkeypatch.setenv("RESON_FEATURES", "")
    assert client.get_boolean_value("on", True) is False
    assert client.get_boolean_value("missing", True) is False
    monkeypatch.setenv("RESON_FEATURES", "named")
    assert client.get_boolean_value("named", False) is True
    assert client.get_boolean_value("missing", True) is False
    monkeypatch.delenv("RESON_FEATURES")
    assert client.get_boolean_value("missing", True) is True
    flags = FeatureFlags({})
    flags.emergency_baseline()
    assert ParamedicProvider(flags).resolve_boolean_details("missing", True).value is False


def test_other_types_are_a_mismatch(client) -> None:
    """A flag here is a boolean."""
    for details in (
        client.get_string_details("on", "d"),
        client.get_integer_details("on", 3),
        client.get_float_details("on", 3.5),
        client.get_object_details("on", {"d": 1}),
    ):
        assert details.error_code is ErrorCode.TYPE_MISMATCH
        assert details.error_message == "the flag `on` is a boolean"
    assert client.get_string_value("on", "d") == "d"


def test_without_flags_it_takes_those_of_the_process() -> None:
    """As `get_feature_flags` gives them."""
    assert ParamedicProvider().resolve_boolean_details is not None
    assert not ParamedicProvider()._flags.knows("x")


def test_without_the_sdk_the_error_names_the_extra(monkeypatch) -> None:
    """At the import."""
    monkeypatch.delitem(sys.modules, "paramedic.guard.openfeature")
    monkeypatch.setitem(sys.modules, "openfeature.provider", None)
    with pytest.raises(
        MissingExtra, match=r"^the OpenFeature provider needs its SDK: pip install 'paramedic\[openfeature\]'$"
    ):
        import paramedic.guard.openfeature  # noqa: F401
