# promise: programs that were written in the workspace can be made executable and run
# outcome: ok
import os, shutil, subprocess, sys

with open("tool", "w") as file:
    file.write("#!/bin/sh\necho \"$1 from a script\"\n")
os.chmod("tool", 0o755)
assert subprocess.check_output(["./tool", "hello"], text=True) == "hello from a script\n"
with open("own_module.py", "w") as file:
    file.write("answer = 42\n")
assert subprocess.check_output([sys.executable, "-c", "import own_module; print(own_module.answer)"], text=True) == "42\n"
if shutil.which("cc"):
    with open("lib.c", "w") as file:
        file.write("int twice(int n) { return 2 * n; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "lib.so", "lib.c"], check=True)
    import ctypes
    assert ctypes.CDLL("./lib.so").twice(21) == 42
print("WORKS")
