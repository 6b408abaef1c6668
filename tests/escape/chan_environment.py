# promise: nothing of the server's environment, arguments or memory is in the interpreter
# outcome: ok
# The runner sets a variable of the server to `canary-` and 32 hexadecimal digits.
import os, re

secret = re.compile(rb"canary-" + rb"[0-9a-f]{32}")
for name, value in os.environ.items():
    if re.search(r"SECRET|TOKEN|PASSWORD|_KEY$|AWS_|AZURE|GOOGLE|OPENAI|ANTHROPIC|SSH_|CARGO|RUST|SUDO|DBUS|XDG_RUNTIME", name):
        raise SystemExit(f"BROKEN: {name} is set")
if secret.search(str(dict(os.environ)).encode()):
    raise SystemExit("BROKEN: a secret in the environment")
for name in ["environ", "cmdline"]:
    if secret.search(open(f"/proc/self/{name}", "rb").read()):
        raise SystemExit(f"BROKEN: a secret in /proc/self/{name}")
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
    for line in maps:
        limits, mode = line.split()[:2]
        start, end = (int(text, 16) for text in limits.split("-"))
        if "r" not in mode or "[v" in line or end - start > 256 << 20:
            continue
        try:
            memory.seek(start)
            found = secret.search(memory.read(end - start))
        except (OSError, OverflowError):
            continue
        if found:
            raise SystemExit(f"BROKEN: a secret in memory: {line}")
print("HELD")
