# promise: reading and writing zip, tar, gzip, bzip2 and xz work
# outcome: ok
import bz2, gzip, io, lzma, tarfile, zipfile

text = "grüße, 世界\n".encode() * 10_000
for module in [gzip, bz2, lzma]:
    assert module.decompress(module.compress(text)) == text
with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("folder/ä.txt", text)
with zipfile.ZipFile("a.zip") as archive:
    assert archive.read("folder/ä.txt") == text and archive.testzip() is None
with tarfile.open("a.tar.xz", "w:xz") as archive:
    entry = tarfile.TarInfo("b.txt")
    entry.size = len(text)
    archive.addfile(entry, io.BytesIO(text))
with tarfile.open("a.tar.xz") as archive:
    archive.extractall("unpacked")
assert open("unpacked/b.txt", "rb").read() == text
print("WORKS")
