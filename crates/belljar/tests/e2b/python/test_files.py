"""Files: written, read, listed, moved, watched, signed for."""

import asyncio
import gzip
import hashlib
import io
import os
import time
import unittest
import urllib.error
import urllib.request

from both import SCRIPTS, both, done, since
from e2b import FileType, FilesystemEventType
from e2b.exceptions import InvalidArgumentException, NotFoundException
from e2b_code_interpreter import AsyncSandbox, Sandbox


@both
class Files:
    async def test_written_and_read(self):
        sandbox = await self.create()
        files = sandbox.files
        wrote = await done(files.write("folder/one.txt", "größe 😀"))
        self.assertEqual((wrote.name, wrote.path), ("one.txt", "/home/user/folder/one.txt"))
        self.assertEqual(await done(files.read("folder/one.txt")), "größe 😀")
        every = bytes(range(256))
        await done(files.write("/tmp/two.bin", every))
        self.assertEqual(bytes(await done(files.read("/tmp/two.bin", format="bytes"))), every)
        await done(files.write("folder/one.txt", ""))
        self.assertEqual(await done(files.read("folder/one.txt")), "")
        stream = await done(files.read("/tmp/two.bin", format="stream"))
        pieces = [piece async for piece in stream] if hasattr(stream, "__aiter__") else list(stream)
        self.assertEqual(b"".join(pieces), every)
        with self.assertRaises(NotFoundException):
            await done(files.read("no-such-file"))
        with self.assertRaises(InvalidArgumentException):
            await done(files.read("folder"))

    async def test_names_in_every_script(self):
        sandbox = await self.create()
        for name in SCRIPTS:
            await done(sandbox.files.write(name, name))
            self.assertEqual(await done(sandbox.files.read(name)), name)
            info = await done(sandbox.files.get_info(name))
            self.assertEqual(info.path, f"/home/user/{name}")
        listed = {entry.path for entry in await done(sandbox.files.list(".", depth=3))}
        self.assertLessEqual({f"/home/user/{name}" for name in SCRIPTS}, listed)

    async def test_many_at_once(self):
        sandbox = await self.create()
        entries = [{"path": f"many/{at}.txt", "data": str(at)} for at in range(300)]
        wrote = await done(sandbox.files.write_files(entries))
        self.assertEqual(len(wrote), 300)
        listed = await done(sandbox.files.list("many"))
        self.assertEqual(len(listed), 300)
        self.assertEqual(await done(sandbox.files.read("many/299.txt")), "299")

    async def test_looked_at(self):
        sandbox = await self.create()
        await done(sandbox.files.write("a/b/c.txt", "123"))
        await done(sandbox.commands.run("chmod 640 a/b/c.txt; ln -s b/c.txt a/link; ln -s nowhere a/dangling"))
        info = await done(sandbox.files.get_info("a/b/c.txt"))
        self.assertEqual((info.type, info.size, info.mode, info.permissions, info.owner), (FileType.FILE, 3, 0o640, "-rw-r-----", "user"))
        link = await done(sandbox.files.get_info("a/link"))
        self.assertEqual((link.type, link.symlink_target), (FileType.FILE, "/home/user/a/b/c.txt"))
        self.assertEqual(await done(sandbox.files.read("a/link")), "123")
        names = [(entry.name, entry.type) for entry in await done(sandbox.files.list("a", depth=2))]
        self.assertEqual(names, [("b", FileType.DIR), ("c.txt", FileType.FILE), ("link", FileType.FILE)])
        self.assertTrue(await done(sandbox.files.exists("a/b")))
        self.assertFalse(await done(sandbox.files.exists("a/x")))
        with self.assertRaises(NotFoundException):
            await done(sandbox.files.get_info("a/x"))
        with self.assertRaises(NotFoundException):
            await done(sandbox.files.list("a/x"))
        with self.assertRaises(InvalidArgumentException):
            await done(sandbox.files.list("a/b/c.txt"))

    async def test_made_moved_removed(self):
        sandbox = await self.create()
        self.assertTrue(await done(sandbox.files.make_dir("x/y")))
        self.assertFalse(await done(sandbox.files.make_dir("x/y")))
        await done(sandbox.files.write("x/y/z.txt", "z"))
        moved = await done(sandbox.files.rename("x/y/z.txt", "new/place/z.txt"))
        self.assertEqual(moved.path, "/home/user/new/place/z.txt")
        self.assertEqual(await done(sandbox.files.read("new/place/z.txt")), "z")
        with self.assertRaises(NotFoundException):
            await done(sandbox.files.rename("x/y/z.txt", "again"))
        await done(sandbox.files.remove("new"))
        self.assertFalse(await done(sandbox.files.exists("new")))
        await done(sandbox.files.remove("new"))

    async def test_large(self):
        sandbox = await self.create()
        piece = os.urandom(1 << 20)
        large = piece * 100
        await done(sandbox.files.write("/home/user/large.bin", large, request_timeout=300))
        digest = hashlib.sha256(large).hexdigest()
        ran = await done(sandbox.commands.run("sha256sum large.bin", timeout=120))
        self.assertEqual(ran.stdout.split()[0], digest)
        back = await done(sandbox.files.read("large.bin", format="bytes", request_timeout=300))
        self.assertEqual(hashlib.sha256(back).hexdigest(), digest)

    @since(2, 46)
    async def test_sent_as_they_are(self):
        sandbox = await self.create()
        every = os.urandom(300_000)
        await done(sandbox.files.write("stream.bin", io.BytesIO(every)))
        self.assertEqual(bytes(await done(sandbox.files.read("stream.bin", format="bytes"))), every)
        await done(sandbox.files.write("zip.txt", "a" * 100_000, gzip=True))
        self.assertEqual(await done(sandbox.files.read("zip.txt", gzip=True)), "a" * 100_000)
        await done(sandbox.files.write("noted.txt", "x", metadata={"Author": "me", "k2": "v 2"}))
        self.assertEqual((await done(sandbox.files.get_info("noted.txt"))).metadata, {"author": "me", "k2": "v 2"})
        await done(sandbox.files.write("noted.txt", "y"))
        self.assertFalse((await done(sandbox.files.get_info("noted.txt"))).metadata)

    async def test_signed_addresses(self):
        sandbox = await self.create()
        path = "signed größe.txt"
        await done(sandbox.files.write(path, "signed"))
        url = await done(sandbox.download_url(path, use_signature_expiration=60))
        with urllib.request.urlopen(url) as answer:
            self.assertEqual(answer.read(), b"signed")
        url = await done(sandbox.download_url(path))
        for wrong in (url.replace("signature=v1_", "signature=v1_A"), url.replace("signed", "other", 1)):
            with self.assertRaises(urllib.error.HTTPError) as raised:
                urllib.request.urlopen(wrong)
            self.assertEqual(raised.exception.code, 401)
        upload = await done(sandbox.upload_url("up.txt"))
        body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="up.txt"\r\n\r\nuploaded\r\n--b--\r\n'
        request = urllib.request.Request(upload, body, {"Content-Type": "multipart/form-data; boundary=b"})
        urllib.request.urlopen(request).close()
        self.assertEqual(await done(sandbox.files.read("up.txt")), "uploaded")
        expired = await done(sandbox.download_url(path, use_signature_expiration=-10))
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(expired)
        self.assertEqual(raised.exception.read(), b'{"code":401,"message":"signature is already expired"}')


class WaitingWatchers(unittest.TestCase):
    def test_asked_from_time_to_time(self):
        sandbox = Sandbox.create()
        self.addCleanup(sandbox.kill)
        sandbox.files.make_dir("watched")
        watcher = sandbox.files.watch_dir("watched", recursive=True)
        sandbox.files.write("watched/new.txt", "x")
        events = [(event.name, event.type) for event in watcher.get_new_events()]
        kinds = FilesystemEventType
        self.assertEqual(events, [("new.txt", kinds.CREATE), ("new.txt", kinds.CHMOD), ("new.txt", kinds.WRITE)])
        self.assertEqual(watcher.get_new_events(), [])
        sandbox.files.write("watched/deep/er/file.txt", "x")
        names = {event.name for event in watcher.get_new_events()}
        self.assertIn("deep/er/file.txt", names)
        sandbox.files.rename("watched/new.txt", "watched/old.txt")
        sandbox.files.remove("watched/old.txt")
        events = [(event.name, event.type) for event in watcher.get_new_events()]
        self.assertEqual(events, [("new.txt", kinds.RENAME), ("old.txt", kinds.CREATE), ("old.txt", kinds.REMOVE)])
        watcher.stop()
        with self.assertRaises(NotFoundException):
            sandbox.files.watch_dir("no-such-folder")


class AwaitedWatchers(unittest.IsolatedAsyncioTestCase):
    async def test_told_as_it_happens(self):
        sandbox = await AsyncSandbox.create()
        try:
            await sandbox.files.make_dir("watched")
            seen, ended = [], asyncio.Event()
            watcher = await sandbox.files.watch_dir("watched", on_event=seen.append, on_exit=lambda error: ended.set())
            await sandbox.files.write("watched/new.txt", "x")
            for _ in range(100):
                if len(seen) >= 3:
                    break
                await asyncio.sleep(0.05)
            self.assertEqual([event.type for event in seen], [FilesystemEventType.CREATE, FilesystemEventType.CHMOD, FilesystemEventType.WRITE])
            await watcher.stop()
        finally:
            await sandbox.kill()


if __name__ == "__main__":
    unittest.main()
