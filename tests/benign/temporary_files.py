# promise: temporary files and directories work, with all that belongs to files: links, locks, times, moves, watching
# outcome: ok
import fcntl, os, pathlib, shutil, tempfile

with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w+") as named, tempfile.TemporaryFile() as unnamed:
    named.write("text")
    named.flush()
    assert pathlib.Path(named.name).read_text() == "text"
    unnamed.write(b"bytes")
    path = pathlib.Path(folder, "a")
    path.write_text("ä", encoding="utf-8")
    os.link(path, f"{folder}/hard")
    os.symlink("a", f"{folder}/soft")
    assert pathlib.Path(folder, "soft").read_text(encoding="utf-8") == "ä" and path.stat().st_nlink == 2
    os.utime(path, (1, 2))
    path.chmod(0o600)
    assert path.stat().st_mtime == 2
    with open(path, "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(file, fcntl.LOCK_EX)
        file.truncate(0)
        os.fsync(file.fileno())
    shutil.copytree(folder, "/workspace/copy", symlinks=True)
    shutil.move("/workspace/copy", "/tmp/moved")
    shutil.make_archive("/workspace/archive", "zip", "/tmp/moved")
    assert sorted(os.listdir("/tmp/moved")) == ["a", "hard", "soft"]
    shutil.rmtree("/tmp/moved")
    os.mkfifo(f"{folder}/queue")
assert shutil.disk_usage("/workspace").total > 0 and os.path.expanduser("~") == "/home/user"
pathlib.Path.home().joinpath(".settings").write_text("mine")
print("WORKS")
