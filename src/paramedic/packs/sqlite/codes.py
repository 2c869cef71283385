"""Everything that can be wrong with a SQLite database."""

from paramedic.sdk import Code, Ending, IssueType

FILE_MISSING = Code(id="sqlite.file-missing", type=IssueType.DATABASE, depth=3, summary="the database does not exist")
EMPTY = Code(id="sqlite.empty", type=IssueType.DATABASE, depth=3, summary="the database holds nothing at all")
NOT_A_DATABASE = Code(
    id="sqlite.not-a-database", type=IssueType.DATABASE, depth=3, summary="the file is no SQLite database"
)
CORRUPT = Code(
    id="sqlite.corrupt",
    type=IssueType.DATABASE,
    depth=3,
    instant=True,
    is_damage=True,
    summary="pages of the database are damaged",
)
TABLE_MISSING = Code(
    id="sqlite.table-missing", type=IssueType.DATABASE, depth=3, summary="a table or column that is needed is not there"
)
LOCKED = Code(
    id="sqlite.locked",
    type=IssueType.DATABASE,
    depth=2,
    instant=True,
    summary="somebody keeps the database locked for longer than the limit",
)
WAL_LARGE = Code(
    id="sqlite.wal-large", type=IssueType.DATABASE, depth=1, summary="the write-ahead log grows and is never emptied"
)
COLUMN_TYPE = Code(
    id="sqlite.column-type",
    type=IssueType.DATABASE,
    depth=2,
    ending=Ending.ADVISE,
    summary="a column keeps its values as another type than the service file says",
)
FOREIGN_KEYS = Code(
    id="sqlite.foreign-keys",
    type=IssueType.DATABASE,
    depth=1,
    ending=Ending.ADVISE,
    summary="rows refer to rows that are gone",
)
CHECKSUM_MISMATCH = Code(
    id="sqlite.checksum-mismatch",
    type=IssueType.DATABASE,
    is_damage=True,
    depth=2,
    instant=True,
    summary="the database was changed by something that is not SQLite",
)
