"""A web server for the download tests: serves one file on a loopback port, well or badly.

http_server.py FILE LOG    prints its port; notes "PATH RANGE" of each request in LOG, one a line

  /file        as it should be, with ranges and an ETag     /cut     cuts the connection after a third, twice
  /norange     always the whole file                        /broken  cuts every connection after 1000 bytes
  /wrong       as many bytes, but others                    /short   another file of 512 bytes
  /shifted     ranges that start one byte late              /busy    503 twice, then as /file
  /missing     404                                          /stall   sends 1000 bytes, then nothing
  /redirect    to /file                                     /endless bytes without a length, without end
"""
import http.server
import os
import sys
import threading
import time

content = open(sys.argv[1], "rb").read()
counts = {}
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self):
        with lock:
            counts[self.path] = counts.get(self.path, 0) + 1
            with open(sys.argv[2], "a", encoding="ascii") as log:
                log.write(f"{self.path} {self.headers.get('Range', '-')}\n")
            return counts[self.path]

    def start(self, code, length, extra=()):
        self.send_response(code)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in extra:
            self.send_header(name, value)
        self.end_headers()

    def send(self, body, limit=None, ranges=True, shift=0, etag='"one"'):
        asked = self.headers.get("Range")
        condition = self.headers.get("If-Range")
        first, code, extra = 0, 200, [("ETag", etag)]
        if ranges and asked and condition in (None, etag):
            first = int(asked.removeprefix("bytes=").split("-")[0]) + shift
            if first >= len(body):
                self.start(416, 0, [("Content-Range", f"bytes */{len(body)}")])
                return
            code = 206
            extra.append(("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}"))
        self.start(code, len(body) - first, extra)
        self.wfile.write(body[first:] if limit is None else body[first:first + limit])
        if limit is not None:
            self.close_connection = True

    def stall(self):
        self.start(200, len(content))
        self.wfile.write(content[:1000])
        self.wfile.flush()
        time.sleep(60)

    def flood(self):
        self.start(200, None, [("Connection", "close")])
        while True:
            self.wfile.write(content)

    def do_GET(self):  # noqa: N802: the name that http.server calls
        count = self.note()
        if self.path == "/file" or (self.path == "/busy" and count > 2):
            self.send(content)
        elif self.path == "/busy":
            self.start(503, 0)
        elif self.path == "/norange":
            self.send(content, ranges=False)
        elif self.path == "/wrong":
            self.send(bytes(byte ^ 255 for byte in content))
        elif self.path == "/shifted":
            self.send(content, shift=1)
        elif self.path == "/cut":
            self.send(content, limit=len(content) // 3 if count <= 2 else None)
        elif self.path == "/broken":
            self.send(content, limit=1000)
        elif self.path == "/short":
            self.send(content[:512], ranges=False)
        elif self.path == "/redirect":
            self.start(302, 0, [("Location", "/file")])
        elif self.path == "/stall":
            self.stall()
        elif self.path == "/endless":
            self.flood()
        else:
            self.start(404, 0)


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):  # a client that goes away is no news
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
# The parent holds the other end of standard input: when it goes, so does this.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
