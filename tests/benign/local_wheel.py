# promise: pip installs a wheel that was uploaded, without a network
# outcome: ok
# limits: timeout=60
import base64, hashlib, subprocess, sys, zipfile

files = {
    "greeting/__init__.py": "def hello():\n    return 'hello from a wheel'\n",
    "greeting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
    "greeting-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
def line(name, text):
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(text)}\n"

record = "".join(line(name, text) for name, text in files.items()) + "greeting-1.0.dist-info/RECORD,,\n"
wheel = "greeting-1.0-py3-none-any.whl"
with zipfile.ZipFile(wheel, "w") as archive:
    for name, text in {**files, "greeting-1.0.dist-info/RECORD": record}.items():
        archive.writestr(name, text)
command = [sys.executable, "-m", "pip", "install", "--no-index", "--quiet", "--target", "/workspace/packages", wheel]
subprocess.run(command, check=True)
sys.path.insert(0, "/workspace/packages")
import greeting
assert greeting.hello() == "hello from a wheel"
print("WORKS")
