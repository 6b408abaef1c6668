# promise: sqlite3 works in memory and in a file, with a write-ahead log and two connections
# outcome: ok
import os, sqlite3

first = sqlite3.connect("shop.db")
first.execute("pragma journal_mode = wal")
first.execute("create table sales (id integer primary key, name text, price real)")
first.executemany("insert into sales (name, price) values (?, ?)", [(f"n{n}", n * 1.5) for n in range(1000)])
first.commit()
second = sqlite3.connect("shop.db")
assert second.execute("select count(*), sum(price) from sales").fetchone() == (1000, 749250.0)
assert second.execute("select sqlite_version()").fetchone()[0] > "3"
second.close()
first.close()
assert os.path.getsize("shop.db") > 10_000
memory = sqlite3.connect(":memory:")
assert memory.execute("select 6 * 7").fetchone() == (42,)
print("WORKS")
