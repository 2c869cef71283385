"""Every source of vectors yields the same index."""

import json
import sys
from pathlib import Path

import pytest

from packs.vector.indexes import DIMENSION, faiss, np, some, table
from paramedic.packs.vector.asking import NoAnswer, ask
from paramedic.packs.vector.target import Source
from paramedic.sdk import Secret
from postgres_server import postgres_server


def _sqlite(folder: Path, vectors) -> Source:
    table(folder / "docs.db", vectors)
    return Source(sqlite=folder / "docs.db", table="chunks")


def _npy(folder: Path, vectors) -> Source:
    np.save(folder / "v.npy", vectors)
    return Source(numpy=folder / "v.npy")


def _npz(folder: Path, vectors) -> Source:
    np.savez(folder / "v.npz", id=np.arange(len(vectors)), embedding=vectors)
    return Source(numpy=folder / "v.npz")


def _parquet(folder: Path, vectors) -> Source:
    pa = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    from pyarrow import parquet

    rows = pa.table({"id": list(range(len(vectors))), "embedding": [each.tolist() for each in vectors]})
    parquet.write_table(rows, folder / "v.parquet")
    return Source(parquet=folder / "v.parquet")


def _command(folder: Path, vectors) -> Source:
    lines = [json.dumps({"id": n, "embedding": each.tolist()}) for n, each in enumerate(vectors)]
    (folder / "v.jsonl").write_text("\n".join(lines))
    return Source(command=(sys.executable, "-c", f"print(open({str(folder / 'v.jsonl')!r}).read())"))


async def _build(path: Path, source: Source, **changes):
    order = {"source": dict(source.order), "out_path": path, "work_path": path.parent / "work", "base_path": None}
    order |= {"factory": "IDMap2,Flat", "dimension": DIMENSION, "metric": "l2", "search": {}}
    return await ask("build", 60, **{**order, **changes})


async def _yields(path: Path, source: Source, vectors) -> None:
    assert (await _build(path, source))["vectors"] == len(vectors)
    index = faiss.read_index(str(path))
    assert faiss.vector_to_array(index.id_map).tolist() == list(range(len(vectors)))
    assert np.allclose(index.reconstruct(len(vectors) - 1), vectors[-1])
    answer = await ask(
        "compare", 60, path=path, manifest_path=path.with_name("no"), cold=False, source=dict(source.order)
    )
    assert (answer["missing"], answer["orphans"]) == (0, 0)


@pytest.mark.parametrize("lay", [_sqlite, _npy, _npz, _parquet, _command])
async def test_a_source_is_read(tmp_path: Path, lay) -> None:
    """In batches, with its ids."""
    vectors = some(5000)
    await _yields(tmp_path / "a.faiss", lay(tmp_path, vectors), vectors)


async def test_a_table_of_postgres_is_read(tmp_path: Path) -> None:
    """Arrays and JSON; rows without a vector do not count."""
    import psycopg

    vectors = some(300)
    with postgres_server() as server:
        dsn = server.create_database()
        with psycopg.connect(dsn.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE chunks (id bigint PRIMARY KEY, embedding real[], text text)")
            for n, each in enumerate(vectors):
                connection.execute(
                    "INSERT INTO chunks VALUES (%s, %s, %s)", (n, each.tolist(), json.dumps(each.tolist()))
                )
            connection.execute("INSERT INTO chunks VALUES (1000, NULL, NULL)")
        address = Secret(dsn.replace("+psycopg", ""))
        for column in ("embedding", "text"):
            source = Source(postgres=address, table="chunks", vector=column)
            await _yields(tmp_path / f"{column}.faiss", source, vectors)


async def test_what_is_wrong_with_a_source_is_said(tmp_path: Path) -> None:
    """In one line, and nothing is built."""
    vectors = some(50)
    table(tmp_path / "docs.db", vectors)
    wrong = {
        "no such column": Source(sqlite=tmp_path / "docs.db", table="chunks", vector="nothing"),
        "no such table": Source(sqlite=tmp_path / "docs.db", table="nothing"),
        "cannot be read": Source(numpy=tmp_path / "none.npy"),
        "cannot be started": Source(command=("/no/such/program",)),
        "ended with 3": Source(command=(sys.executable, "-c", "raise SystemExit(3)")),
        "what is no vector": Source(command=(sys.executable, "-c", "print('hello')")),
    }
    for words, source in wrong.items():
        with pytest.raises(NoAnswer, match=words):
            await _build(tmp_path / "a.faiss", source)
    with pytest.raises(NoAnswer, match="vectors of 16 numbers, not 384"):
        await _build(
            tmp_path / "a.faiss",
            wrong["no such column"].__class__(sqlite=tmp_path / "docs.db", table="chunks"),
            dimension=384,
        )
    vectors[3, 3] = np.inf
    np.save(tmp_path / "v.npy", vectors)
    with pytest.raises(NoAnswer, match="such as id 3"):
        await _build(tmp_path / "a.faiss", Source(numpy=tmp_path / "v.npy"))
    assert not (tmp_path / "a.faiss").exists()


async def test_vectors_for_the_cosine_have_length_one(tmp_path: Path) -> None:
    """So that the inner product is the cosine."""
    await _build(tmp_path / "a.faiss", _npy(tmp_path, some(50)), metric="cosine")
    index = faiss.read_index(str(tmp_path / "a.faiss"))
    assert index.metric_type == faiss.METRIC_INNER_PRODUCT
    assert np.linalg.norm(index.reconstruct(7)) == pytest.approx(1, abs=1e-5)
