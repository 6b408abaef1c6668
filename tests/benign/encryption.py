# promise: randomness, hashes and TLS contexts work, and a TLS handshake over loopback memory fails cleanly without keys
# outcome: ok
import hashlib, hmac, os, secrets, ssl, uuid, zlib

assert len({secrets.token_hex(16) for _ in range(100)}) == 100 and len({uuid.uuid4() for _ in range(100)}) == 100
assert os.urandom(16) != os.urandom(16) and uuid.uuid1() != uuid.uuid1()
assert hashlib.sha256(b"").hexdigest().startswith("e3b0c442") and hashlib.scrypt(b"a", salt=b"b", n=16, r=8, p=1)
assert hmac.new(b"k", b"m", "sha512").digest() and zlib.crc32(b"abc") == 891568578
context = ssl.create_default_context()
assert context.verify_mode == ssl.CERT_REQUIRED and ssl.OPENSSL_VERSION
inbound, outbound = ssl.MemoryBIO(), ssl.MemoryBIO()
session = context.wrap_bio(inbound, outbound, server_hostname="example.org")
try:
    session.do_handshake()
except ssl.SSLWantReadError:
    pass
assert outbound.pending > 100
print("WORKS")
