# ruff: noqa: ARG002 - the interface gives what a provider of booleans does not need
"""The same flags for code that speaks OpenFeature (extra ``openfeature``).

>>> from openfeature import api  # doctest: +SKIP
>>> api.set_provider(ParamedicProvider())  # doctest: +SKIP
>>> api.get_client().get_boolean_value("rollback_first", False)  # doctest: +SKIP
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paramedic.guard.errors import MissingExtra
from paramedic.guard.flags import FeatureFlags, get_feature_flags

if TYPE_CHECKING:
    from openfeature.evaluation_context import EvaluationContext
try:
    from openfeature.exception import FlagNotFoundError, TypeMismatchError
    from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
    from openfeature.provider import AbstractProvider, Metadata
except ImportError as error:
    raise MissingExtra("the OpenFeature provider needs its SDK: pip install 'paramedic[openfeature]'") from error


class ParamedicProvider(AbstractProvider):
    """Resolves booleans from `FeatureFlags`; the targeting key chooses the share, the attributes are the context."""

    def __init__(self, flags: FeatureFlags | None = None) -> None:
        super().__init__()
        self._flags = flags or get_feature_flags()

    def get_metadata(self) -> Metadata:
        return Metadata("paramedic")

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: "EvaluationContext | None" = None
    ) -> FlagResolutionDetails[bool]:
        if not self._flags.knows(flag_key):
            raise FlagNotFoundError(f"there is no flag `{flag_key}`")
        context = evaluation_context
        key = context.targeting_key if context else None
        value = self._flags.is_enabled(flag_key, key, context.attributes if context else None)
        return FlagResolutionDetails(value, reason=Reason.TARGETING_MATCH, variant="on" if value else "off")

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: "EvaluationContext | None" = None
    ) -> FlagResolutionDetails[str]:
        raise _only_booleans(flag_key)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: "EvaluationContext | None" = None
    ) -> FlagResolutionDetails[int]:
        raise _only_booleans(flag_key)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: "EvaluationContext | None" = None
    ) -> FlagResolutionDetails[float]:
        raise _only_booleans(flag_key)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: "EvaluationContext | None" = None,
    ) -> FlagResolutionDetails[Any]:
        raise _only_booleans(flag_key)


def _only_booleans(flag_key: str) -> TypeMismatchError:
    return TypeMismatchError(f"the flag `{flag_key}` is a boolean")
