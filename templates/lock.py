#!/usr/bin/env python3
"""Makes every <template>.lock from its <template>.toml, and installer.lock, with `uv` (found on PATH).

The locks hold one version and its wheels' hashes for every CPython from 3.10 on, for Linux only. All templates agree
on versions, because the small ones are constrained by `full`: their files are then shared on disk. No index is named,
so that a mirror may serve the same files. It leaves installing to crates/interpreter.
"""
import pathlib, re, subprocess, sys, tempfile, tomllib

HERE = pathlib.Path(__file__).resolve().parent
PYTHONS = ["cp310", "cp311", "cp312", "cp313", "cp314"]
# e2b-charts cannot read the box plots of matplotlib 3.11.
HELD_BACK = ["matplotlib<3.11"]
PROJECT = """[project]
name = "templates"
version = "0"
requires-python = ">=3.10"
[tool.uv]
environments = ["platform_python_implementation == 'CPython' and sys_platform == 'linux'"]
"""


def wanted(wheel):
    """Whether a Linux CPython that we support could install this file."""
    if not wheel.endswith(".whl"):
        return False
    python, abi, platform = wheel.removesuffix(".whl").split("-")[-3:]
    if platform != "any" and "linux" not in platform:
        return False
    tags = python.split(".")
    return any(tag in PYTHONS or tag.startswith("py3") or (abi == "abi3" and tag.startswith("cp3")) for tag in tags)


def compile(work, requirements, *more):
    """The text of a lock for these requirements, every file of every version in it, and the names of those files."""
    source = work / "source.in"
    source.write_text("\n".join(requirements) + "\n")
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.10", "--only-binary", ":all:"]
    command += ["--generate-hashes", "--no-annotate", "--no-header", *more, str(source)]
    text = subprocess.run(command, cwd=work, check=True, text=True, stdout=subprocess.PIPE).stdout
    files = subprocess.run([*command, "--format", "pylock.toml"], cwd=work, check=True, text=True, stdout=subprocess.PIPE)
    names = {}
    for package in tomllib.loads(files.stdout)["packages"]:
        for wheel in package.get("wheels", []):
            names[wheel["hashes"]["sha256"]] = wheel.get("name") or wheel["url"].rsplit("/", 1)[1]
    return text, names


def trim(text, names):
    """The lock with the hashes of wanted wheels only, and without the marker that is true of every CPython on Linux."""
    lines = []
    for package in re.split(r"\n(?=\S)", text.strip()):
        head, *hashes = [line.strip().rstrip("\\").strip() for line in package.split("\n")]
        head = re.sub(r" (and|;) platform_python_implementation == 'CPython' and sys_platform == 'linux'", "", head)
        kept = [h for h in hashes if wanted(names.get(h.removeprefix("--hash=sha256:"), ""))]
        if not kept:
            sys.exit(f"no wheel for Linux: {head}")
        lines.append(" \\\n    ".join([head, *sorted(kept)]))
    return "\n".join(lines) + "\n"


def main():
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "pyproject.toml").write_text(PROJECT)
        constraints = work / "full.txt"
        constraints.write_text("\n".join(HELD_BACK) + "\n")
        for name in ["full", "code-interpreter", "data", "python", "jupyter"]:
            requirements = tomllib.loads((HERE / f"{name}.toml").read_text())["requirements"]
            text, names = compile(work, requirements, "-c", str(constraints))
            if name == "full":
                constraints.write_text(text)
            (HERE / f"{name}.lock").write_text(trim(text, names))
        text, names = compile(work, ["uv"])
        (HERE / "installer.lock").write_text(trim(text, names))


main()
