"""A round trip of files with a chart: data goes in, a picture comes out, also as numbers."""

import base64
import json
import pathlib
import sys

from e2b_code_interpreter import Sandbox

CODE = """
import json
import matplotlib.pyplot as plt

visits = json.load(open('/home/user/visits.json'))
plt.bar(visits.keys(), visits.values())
plt.title('Visits')
plt.xlabel('day')
plt.ylabel('visits (thousands)')
plt.savefig('/home/user/visits.pdf')
plt.show()
"""

out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
with Sandbox.create() as sandbox:
    sandbox.files.write("/home/user/visits.json", json.dumps({"Mon": 12, "Tue": 18, "Wed": 9}))
    execution = sandbox.run_code(CODE)
    for result in execution.results:
        if result.png:
            (out / "visits.png").write_bytes(base64.b64decode(result.png))
        if result.chart:
            print(result.chart.title, [(bar.label, bar.value) for bar in result.chart.elements])
    (out / "visits.pdf").write_bytes(sandbox.files.read("/home/user/visits.pdf", format="bytes"))
    print([entry.name for entry in sandbox.files.list("/home/user")])
