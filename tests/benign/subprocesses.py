# promise: child programs run, with pipes, shells, exit codes, timeouts, sessions and their own environment
# outcome: ok
import os, signal, subprocess, sys

assert subprocess.check_output(["echo", "grüße"], text=True) == "grüße\n"
assert subprocess.run("cat | tr a-z A-Z", shell=True, input="abc", capture_output=True, text=True).stdout == "ABC"
assert subprocess.run([sys.executable, "-c", "import sys; sys.exit(7)"]).returncode == 7
assert subprocess.run(["sh", "-c", "kill -TERM $$"]).returncode == -signal.SIGTERM
assert subprocess.check_output(["env"], env={"ONLY": "this"}, text=True).strip() == "ONLY=this"
assert subprocess.check_output(["pwd"], cwd="/tmp", text=True) == "/tmp\n"
try:
    subprocess.run(["sleep", "30"], timeout=0.2, start_new_session=True)
    raise SystemExit("the timeout did not end it")
except subprocess.TimeoutExpired:
    pass
big = subprocess.check_output([sys.executable, "-c", "print('x' * 5_000_000)"])
assert len(big) == 5_000_001
assert os.system("exit 3") >> 8 == 3
with os.popen("uname -s") as pipe:
    assert pipe.read() == "Linux\n"
print("WORKS")
