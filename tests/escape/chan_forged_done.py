# promise: a forged end of another execution is not believed
# outcome: ok|error|killed|lost
# The runner checks that nothing of "forged" is in the outcome, and that the sandbox's next execution is its own.
import json, os, socket, struct

def frame(header, payload=b""):
    text = json.dumps(header).encode()
    return struct.pack("<II", len(text), len(payload)) + text + payload

for name in os.listdir("/proc/self/fd"):
    try:
        driver = socket.socket(fileno=os.dup(int(name)))
    except OSError:
        continue
    if driver.family != socket.AF_UNIX or driver.type != socket.SOCK_STREAM:
        continue
    for other in ["exe_forged", "exe_" + "0" * 32, "exe_" + "f" * 26, ""]:
        driver.sendall(frame({"t": "bundle", "execution": other, "main": True, "display_id": None, "update": False},
                             b'{"text/plain": "forged"}'))
        driver.sendall(frame({"t": "done", "execution": other, "status": "exit", "exit_code": 42}))
    driver.sendall(frame({"t": "hello", "pid": 1, "walls": ["forged"]}))
print("HELD")
