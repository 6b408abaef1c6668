"""Data analysis as an agent does it: a file goes in, code looks at it, a table and a mistake come out."""

import csv
import io
import random

from e2b_code_interpreter import Sandbox

random.seed(7)
text = io.StringIO()
rows = csv.writer(text)
rows.writerow(["region", "month", "sales"])
for region in ("north", "south", "west"):
    for month in range(1, 13):
        rows.writerow([region, month, 100 + month * 3 + random.randint(0, 40)])

sandbox = Sandbox.create()
try:
    sandbox.files.write("sales.csv", text.getvalue())
    steps = [
        "import pandas as pd\nsales = pd.read_csv('sales.csv')\nsales.shape",
        "by_region = sales.groupby('region').sales.agg(['sum', 'mean']).round(1)\nby_region",
        "sales.groupby('regoin')",
        "sales.sales.sum()",
    ]
    for step in steps:
        execution = sandbox.run_code(step)
        if execution.error:
            # What a model reads before it tries again.
            print(f"{execution.error.name}: {execution.error.value}")
        else:
            print(execution.text)
finally:
    sandbox.kill()
