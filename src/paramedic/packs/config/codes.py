"""Everything that can be wrong with a configuration file."""

from paramedic.sdk import Code, Ending, IssueType

FILE_MISSING = Code(
    id="config.file-missing", type=IssueType.CONFIG, depth=3, summary="a configuration file does not exist"
)
ENV_FILE_MISSING = Code(
    id="config.env-file-missing",
    type=IssueType.CONFIG,
    depth=3,
    ending=Ending.ADVISE,
    summary="the file with environment variables does not exist",
)
ENV_VAR_MISSING = Code(
    id="config.env-var-missing",
    type=IssueType.CONFIG,
    depth=3,
    ending=Ending.ADVISE,
    summary="a required environment variable is not set anywhere",
)
UNPARSEABLE = Code(
    id="config.unparseable", type=IssueType.CONFIG, depth=3, summary="a configuration file cannot be understood"
)
MISSING_FIELD = Code(
    id="config.missing-field", type=IssueType.CONFIG, depth=3, summary="a configuration file lacks a required key"
)
INVALID_VALUE = Code(
    id="config.invalid-value", type=IssueType.CONFIG, depth=3, summary="a configuration value cannot be right"
)
UNREADABLE = Code(
    id="config.unreadable", type=IssueType.CONFIG, depth=3, summary="a configuration file may not be read"
)
