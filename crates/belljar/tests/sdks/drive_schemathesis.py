"""Lets Schemathesis make up requests from the description of the server at the address given, and tells what it found.

Two passes: one with nothing but the description, which also follows what it made itself; one in a sandbox that is there,
with a context and a command that waits, so that requests get beyond ids that name nothing.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

ADDRESS = sys.argv[1]
# What is stopped can still be asked for; a context that was restarted is another one; and what is valid by itself may
# contradict itself, as `command` and `argv` at once do.
LEFT_OUT = "use_after_free,ensure_resource_availability,positive_data_acceptance"
COMMON = [
    "--seed", "20261128", "--checks", "all", "--exclude-checks", LEFT_OUT, "--continue-on-failure", "--no-shrink",
    "--no-color", "--request-timeout", "30", "--suppress-health-check", "all", "--warnings", "off", "--workers", "1",
    "--generation-database", "none",
]  # fmt: skip


def post(path: str, body: dict) -> dict:
    """Sends JSON, gives back JSON."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(ADDRESS + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def fuzz(config: str, options: list[str]) -> dict:
    """One run: its exit code, its report as JSON, its report for people."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        (place / "schemathesis.toml").write_text(config)
        # Not its script, which names the folder where the environment was made.
        program = [sys.executable, "-c", "import schemathesis.cli; schemathesis.cli.schemathesis()"]
        report = ["--report-json-path", str(place / "report.json")]
        command = [*program, "run", ADDRESS + "/openapi.json", *COMMON, *report, *options]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        report = place / "report.json"
        found = json.loads(report.read_text()) if report.exists() else None
        return {"exit": ran.returncode, "report": found, "text": ran.stdout + ran.stderr}


def deep() -> dict:
    """In a sandbox that is there."""
    sandbox = post("/v1/sandboxes", {"ttl_seconds": 600})["id"]
    context = post(f"/v1/sandboxes/{sandbox}/contexts", {})["id"]
    waits = {"command": "cat; sleep 600", "stdin_open": True, "background": True, "timeout_ms": 600000}
    command = post(f"/v1/sandboxes/{sandbox}/commands", waits)["id"]
    config = "\n".join([
        "[parameters]",
        f'"path.sandbox" = "{sandbox}"',
        f'"path.context" = "{context}"',
        f'"path.command" = "{command}"',
    ])
    gone = r"^DELETE /v1/sandboxes/\{sandbox\}(/contexts.*|/commands.*)?$"
    options = ["--phases", "fuzzing", "-n", "20", "--max-time", "25", "--include-path-regex", r"\{sandbox\}"]
    return fuzz(config, [*options, "--exclude-name-regex", gone, "--exclude-path-regex", "restart$"])


# The pass that leaves sandboxes behind comes last.
found = {"deep": deep()}
found["wide"] = fuzz("", ["--phases", "coverage,stateful", "-n", "15", "--max-time", "25"])
print(json.dumps(found))
