"""What can be wrong with backups."""

from paramedic.sdk import Code, IssueType

MISSING = Code(id="backup.missing", type=IssueType.DATABASE, summary="there is no backup", depth=1)
STALE = Code(id="backup.stale", type=IssueType.DATABASE, summary="the newest backup is too old", depth=1)
DAMAGED = Code(id="backup.damaged", type=IssueType.DATABASE, summary="the newest backup could not be restored", depth=2)
