"""What a database holds, table by table: how many rows, and a sum over their contents that no order changes."""

from collections.abc import Iterator, Mapping

Contents = Mapping[str, tuple[int, str]]
"""Table to its rows and the sum over them."""


def compared(now: Contents, then: Contents) -> Iterator[str]:
    """What is there now and was not then, as far as counting tells."""
    for table, (rows, total) in now.items():
        if table not in then:
            yield f"table {table}: all of it, {rows} rows"
            continue
        before, sum_before = then[table]
        if rows > before:
            yield f"table {table}: {rows - before} rows more than in the backup, and changes within the others, if any"
        elif rows < before:
            yield f"table {table}: deletions: {before - rows} rows come back; and changes within the others, if any"
        elif total != sum_before:
            yield f"table {table}: what was changed in its {rows} rows since"
