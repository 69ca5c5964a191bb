"""Google Cloud Storage's JSON API and a machine's metadata server, as far as a reader of buckets meets them.

cloud_storage_server.py FOLDER LOG    prints its port; FOLDER/BUCKET/... are the objects; notes "PATH RANGE" in LOG

Follows the published reference: objects.list (delimiter, prefix, pageToken; two items a page), objects.get with and
without alt=media (Range, generation), access tokens that the metadata server gives only with Metadata-Flavor: Google.
Each token is good for eight requests to the storage; after that, and without one, the storage answers 401. Objects in
a bucket whose name begins with
  busy-     are answered with 503 when first asked for           cut-    have their first transfer broken off half way
  broken-   come with other bytes than their checksum says      lost-   are listed, but gone when they are asked for
"""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import struct
import sys
import threading
import urllib.parse

root = pathlib.Path(sys.argv[1])
lock = threading.Lock()
uses = {}  # of each token
counts = {}


def shifted(value):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


byte_table = [shifted(byte) for byte in range(256)]


def stepped(crc, byte=0):
    return crc >> 8 ^ byte_table[(crc ^ byte) & 0xFF]


pair_table = [stepped(stepped(pair)) for pair in range(65536)]
checksums = {}  # by SHA-256: models take seconds


def crc32c(data):
    crc = 0xFFFFFFFF
    even = len(data) // 2 * 2
    for pair in memoryview(data[:even]).cast("H"):  # little-endian, as the machines of the tests are
        crc = crc >> 16 ^ pair_table[(crc ^ pair) & 0xFFFF]
    for byte in data[even:]:
        crc = stepped(crc, byte)
    return crc ^ 0xFFFFFFFF


def describe(bucket, path):
    data = path.read_bytes()
    content = hashlib.sha256(data).digest()
    if content not in checksums:
        checksums[content] = crc32c(data)
    return {"kind": "storage#object", "bucket": bucket, "name": str(path.relative_to(root / bucket)),
            "generation": str(int(path.stat().st_mtime * 1e6)), "metageneration": "1", "size": str(len(data)),
            "crc32c": base64.b64encode(struct.pack(">I", checksums[content])).decode()}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, code, body=b"", extra=(), length=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in extra:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def note(self):
        with lock:
            with open(sys.argv[2], "a", encoding="ascii") as log:
                log.write(f"{self.path} {self.headers.get('Range', '-')}\n")
            counts[self.path] = counts.get(self.path, 0) + 1
            return counts[self.path]

    def allowed(self):
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        with lock:
            if scheme != "Bearer" or uses.get(token, 8) >= 8:
                return False
            uses[token] += 1
            return True

    def token(self):
        if self.headers.get("Metadata-Flavor") != "Google":
            return self.answer(403)
        with lock:
            token = f"ya29.{len(uses)}"
            uses[token] = 0
        return self.answer(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"},
                           [("Metadata-Flavor", "Google")])

    def list(self, bucket, query):
        prefix = query.get("prefix", [""])[0]
        found = sorted(str(path.relative_to(root / bucket)) for path in (root / bucket).rglob("*") if path.is_file())
        names = [name for name in found if name.startswith(prefix) and "/" not in name[len(prefix):]]
        first = int(query.get("pageToken", ["0"])[0])
        answer = {"kind": "storage#objects",
                  "items": [describe(bucket, root / bucket / name) for name in names[first:first + 2]]}
        if first + 2 < len(names):
            answer["nextPageToken"] = str(first + 2)
        return self.answer(200, answer)

    def media(self, bucket, path, query, count):
        described = describe(bucket, path)
        if query.get("generation", [described["generation"]])[0] != described["generation"]:
            return self.answer(404)
        data = path.read_bytes()
        if bucket.startswith("broken-"):
            data = bytes(byte ^ 1 for byte in data)
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        extra = [("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")] if first else []
        part = data[first:]
        if bucket.startswith("cut-") and count == 1:
            self.close_connection = True
            part = part[:len(part) // 2]
        return self.answer(206 if first else 200, part, extra, len(data) - first)

    def do_GET(self):  # noqa: N802: the name that http.server calls
        count = self.note()
        address = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(address.query)
        if address.path == "/computeMetadata/v1/instance/service-accounts/default/token":
            return self.token()
        parts = address.path.split("/")
        if parts[:4] != ["", "storage", "v1", "b"] or len(parts) not in (6, 7) or parts[5] != "o":
            return self.answer(404)
        if not self.allowed():
            return self.answer(401)
        bucket = parts[4]
        if bucket.startswith("busy-") and count == 1:
            return self.answer(503)
        if not (root / bucket).is_dir():
            return self.answer(404)
        if len(parts) == 6:
            return self.list(bucket, query)
        path = root / bucket / urllib.parse.unquote(parts[6])
        if bucket.startswith("lost-") or not path.is_file():
            return self.answer(404)
        if query.get("alt") == ["media"]:
            return self.media(bucket, path, query, count)
        return self.answer(200, describe(bucket, path))


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):  # a client that goes away is no news
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
# The parent holds the other end of standard input: when it goes, so does this.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
