# from: typical code of an analysis
# expect: allowed
import csv, json
from io import StringIO

text = "quarter,sales\nQ1,100\nQ2,130\n"
rows = list(csv.DictReader(StringIO(text)))
with open("rows.json", "w", encoding="utf-8") as file:
    json.dump(rows, file)
with open("/workspace/rows.json") as file:
    assert json.load(file) == rows
for row in rows:
    print(row["quarter"], int(row["sales"]))
