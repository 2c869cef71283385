"""Everything that can be wrong with a file or folder that a service needs."""

from paramedic.sdk import Code, Ending, IssueType

MISSING = Code(
    id="path.missing", type=IssueType.CONFIG, depth=3, summary="a file or folder that the service needs does not exist"
)
TYPE = Code(
    id="path.type",
    type=IssueType.CONFIG,
    depth=3,
    ending=Ending.ADVISE,
    summary="something else stands where a file or folder should",
)
MODE = Code(
    id="path.mode",
    type=IssueType.SECURITY,
    depth=2,
    ending=Ending.ADVISE,
    summary="a file or folder is open to too many, or closed to those who need it",
)
OWNER = Code(
    id="path.owner",
    type=IssueType.CONFIG,
    depth=2,
    ending=Ending.ADVISE,
    summary="a file or folder belongs to another user or group than declared",
)
NOT_WRITABLE = Code(
    id="path.not-writable",
    type=IssueType.RESOURCE,
    depth=3,
    ending=Ending.ADVISE,
    summary="the service's user cannot write where the service must",
)
SPACE_LOW = Code(
    id="path.space-low",
    type=IssueType.RESOURCE,
    depth=3,
    ending=Ending.ADVISE,
    summary="the disk of a file or folder has less space left than declared",
)
INODES_LOW = Code(
    id="path.inodes-low",
    type=IssueType.RESOURCE,
    depth=3,
    ending=Ending.ADVISE,
    summary="the disk of a file or folder can hold fewer further files than declared",
)
