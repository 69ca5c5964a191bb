"""mixed_load_test.py FACET MODEL [--seconds S] [--rate R] [--photos FOLDER] [--report FILE]

Every kind of request against the real `facet serve`, with a Redis that is paused and killed now and then, clients that
hang up, and models that are loaded again: no answer but those that are right, and memory that stays where it is.
Caches are small and filled before memory is watched, so that a slow machine's few requests do not look like growth.
Prints what was asked and how memory went, as JSON.

While this test is suspended with the rest of its machine, time passes that the service cannot use: what was at work
then may be late. Such answers are counted apart."""
import argparse
import base64
import http.client
import json
import pathlib
import random
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

CACHES = ["--embedding-cache", "64MiB", "--picture-store", "8MiB"]
FILLING_PICTURES = 20  # an embedding takes 4 MiB, what its prompts share is kept for fewer
FILLING_CLICKS = 3  # from the third on a picture's prompts share work
SUSPENDED_S = 1.5  # a clock that ticks five times a second does not stop for as long by itself
WORKERS = 8
BUSY = (503, 504)  # right for a machine that has more to do than it can
LATE = (408, 0)
HEAP_FREE_LIMIT = 48e6  # bytes that malloc may keep unused: blocks of all sizes come and go, and leave no holes


def png(height, width, seed):
    """A picture of a few discs, as PNG; each seed gives another one."""
    source = random.Random(seed)
    discs = [(source.randrange(height), source.randrange(width), source.randrange(8, 30), source.randrange(256))
             for _ in range(6)]
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            rows.append(next((value for cy, cx, r, value in discs if (y - cy) ** 2 + (x - cx) ** 2 < r * r), 90))
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b""))


def renewed(picture, mark):
    """The same pixels as a new file: a JPEG with a comment, a PNG with a text."""
    text = mark.encode()
    if picture.startswith(b"\xff\xd8"):
        return picture[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + picture[2:]
    data = b"tEXtmark\0" + text
    return picture[:33] + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data)) + picture[33:]


def form(fields):
    """multipart/form-data as Python's clients write it; a value of bytes is a file."""
    body = b""
    for name, value in fields:
        file = '; filename="a.png"\r\nContent-Type: image/png' if isinstance(value, bytes) else ""
        body += f'--mixed\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        body += (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    return body + b"--mixed--\r\n", "multipart/form-data; boundary=mixed"


class Redis:
    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--maxmemory", "32mb",
             "--maxmemory-policy", "allkeys-lru"], stdout=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Server:
    def __init__(self, facet, model, redis, folder, threads):
        self.log = open(pathlib.Path(folder) / "log", "w+")
        command = [facet, "serve", "--port", "0", "--admin-port", "0", "--model", f"m={model}", "--drain-delay", "200",
                   "--threads", str(threads), "--redis", f"redis://127.0.0.1:{redis.port}", *CACHES]
        self.process = subprocess.Popen(command, stderr=self.log, stdout=subprocess.DEVNULL)
        self.port, self.admin_port = self.ports()
        while self.ask("GET", "/readyz")[0] != 200:
            time.sleep(0.1)

    def ports(self):
        while self.process.poll() is None:
            time.sleep(0.05)
            for line in pathlib.Path(self.log.name).read_text().splitlines():
                if '"listening"' in line:
                    told = json.loads(line)
                    return told["port"], told["admin_port"]
        sys.exit("facet serve did not start: " + pathlib.Path(self.log.name).read_text())

    def ask(self, method, path, body=None, kind="application/json", port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=600)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def resident(self):
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4096


class Load:
    """What the clients do, and what came of it."""

    def __init__(self, server, photos):
        self.server = server
        self.photos = photos
        self.lock = threading.Lock()
        self.known = []  # (id, height, width) of the newest uploads
        self.asked = {}
        self.late = 0
        self.wrong = []
        self.suspended = []  # (from, to)
        self.serial = 0
        self.over = threading.Event()

    def new_picture(self):
        with self.lock:
            self.serial += 1
            serial = self.serial
        return renewed(random.choice(self.photos), f"picture {serial}")

    def upload(self):
        status, body = self.server.ask("POST", "/v1/images", self.new_picture(), "image/png")
        if status == 201:
            told = json.loads(body)
            with self.lock:
                self.known = (self.known + [(told["id"], told["height"], told["width"])])[-40:]
        return status, (201,)

    def masks(self, **more):
        with self.lock:
            known = list(self.known)
        if not known:
            return self.upload()
        name, height, width = random.choice(known)
        point = [random.randrange(1, width), random.randrange(1, height)]
        status, _ = self.server.ask("POST", f"/v1/images/{name}/masks", {"points": [point], **more})
        return status, (200, 410)

    def click(self):
        return self.masks()

    def drawn(self):
        return self.masks(format=random.choice(["png", "polygons", "octet-stream"]), logits=random.random() < 0.2)

    def segment(self):
        body, kind = form([("file", self.new_picture()), ("point_coords", "[[40,40]]"), ("point_labels", "[1]")])
        return self.server.ask("POST", "/segment", body, kind)[0], (200,)

    def batch(self):
        body, kind = form([("files", self.new_picture()), ("files", b"no picture"), ("files", self.new_picture()),
                           ("box", "[10,10,80,80]")])
        return self.server.ask("POST", "/segment_batch", body, kind)[0], (200,)

    def vertex(self):
        picture = base64.b64encode(self.new_picture()).decode()
        instances = [{"image": {"b64": picture}, "points": [[30, 30]]}, {"b64": "%%"}]
        return self.server.ask("POST", "/vertex/predict", {"instances": instances})[0], (200,)

    def infer(self):
        picture = base64.b64encode(self.new_picture()).decode()
        inputs = [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [picture]},
                  {"name": "point_coords", "datatype": "FP32", "shape": [1, 2], "data": [40, 40]}]
        return self.server.ask("POST", "/v2/models/m/infer", {"inputs": inputs})[0], (200,)

    def everything(self):
        with self.lock:
            known = list(self.known)
        if not known:
            return self.upload()
        options = {"points_per_side": 4}
        return self.server.ask("POST", f"/v1/images/{known[-1][0]}/everything", options)[0], (200, 410)

    def mistake(self):
        path, body = random.choice([("/v1/images", b"GIF89a"), ("/segment", b"{"), ("/segment", b'{"image_base64":7}'),
                                    ("/v1/images/0/masks", b"{}"), ("/nowhere", b"{}")])
        kind = "image/png" if path == "/v1/images" else "application/json"
        return self.server.ask("POST", path, body, kind)[0], (400, 404, 422)

    def hang_up(self):
        """Gone in the middle of an upload, or before the answer."""
        picture = self.new_picture()
        head = f"POST /v1/images HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(picture)}\r\n\r\n"
        sent = random.choice([len(picture) // 2, len(picture)])
        try:
            with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
                connection.sendall(head.encode() + picture[:sent])
                time.sleep(random.choice([0, 0.05]))
        except OSError:
            pass
        return 200, (200,)

    def delete(self):
        with self.lock:
            if len(self.known) < 20:
                return 204, (204,)
            name = self.known.pop(0)[0]
        return self.server.ask("DELETE", f"/v1/images/{name}")[0], (204, 404)

    def look(self):
        path = random.choice(["/metrics", "/readyz", "/", "/openapi.json", "/v1/models", "/v2/models/m"])
        return self.server.ask("GET", path)[0], (200,)

    def reload(self):
        return self.server.ask("POST", "/admin/models", {"name": "m"}, port=self.server.admin_port)[0], (200,)

    MIX = {"click": 50, "drawn": 12, "upload": 10, "segment": 5, "batch": 2, "vertex": 3, "infer": 3, "everything": 1,
           "mistake": 6, "hang_up": 4, "delete": 2, "look": 6, "reload": 0.1}

    def fill_caches(self):
        """As many pictures as the caches hold, each clicked on until all is kept that is ever kept for it."""
        for _ in range(FILLING_PICTURES):
            self.upload()
            for _ in range(FILLING_CLICKS):
                self.server.ask("POST", f"/v1/images/{self.known[-1][0]}/masks", {"points": [[40, 40]]})

    def was_suspended(self, begun, ended):
        with self.lock:
            return any(begun < until and since < ended + 1 for since, until in self.suspended)

    def one(self, name):
        begun = time.monotonic()
        status, right = getattr(self, name)()
        time.sleep(0.3 if status in LATE else 0)  # let the clock tell whether it stood still
        right += BUSY
        late = status in LATE and self.was_suspended(begun, time.monotonic())
        with self.lock:
            self.asked.setdefault(name, {}).setdefault(status, 0)
            self.asked[name][status] += 1
            self.late += late
            if status not in right and not late:
                self.wrong.append((name, status, round(begun)))

    def client(self, rate):
        names, weights = zip(*self.MIX.items())
        while not self.over.wait(random.expovariate(rate)):
            self.one(random.choices(names, weights)[0])

    def clock(self):
        last = time.monotonic()
        while not self.over.wait(0.2):
            now = time.monotonic()
            if now - last > SUSPENDED_S:
                with self.lock:
                    self.suspended.append((last, now))
            last = now


def trouble(redis, over):
    """Redis stands still for seconds, or dies and comes back."""
    while not over.wait(240):
        redis.process.send_signal(signal.SIGSTOP)
        over.wait(5)
        redis.process.send_signal(signal.SIGCONT)
        if over.wait(240):
            return
        redis.kill()
        over.wait(5)
        redis.start()


def fifth(samples, number):
    part = [bytes for _, bytes in samples[len(samples) * number // 5:len(samples) * (number + 1) // 5]]
    return statistics.median(part)


def photos_of(folder):
    found = [path.read_bytes() for path in sorted(pathlib.Path(folder).glob("*.jpg"))] if folder else []
    return found or [png(120, 160, seed) for seed in range(8)]


def run(options, folder):
    redis = Redis()
    redis.start()
    server = Server(options.facet, options.model, redis, folder, options.threads)
    load = Load(server, photos_of(options.photos))
    load.fill_caches()
    threads = [threading.Thread(target=load.client, args=(options.rate / WORKERS,)) for _ in range(WORKERS)]
    threads += [threading.Thread(target=load.clock), threading.Thread(target=trouble, args=(redis, load.over))]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    memory = []
    while time.monotonic() - begun < options.seconds and server.process.poll() is None:
        time.sleep(min(5, options.seconds / 50))
        memory.append((round(time.monotonic() - begun, 1), server.resident()))
    load.over.set()
    for thread in threads:
        thread.join()
    metrics = server.ask("GET", "/metrics")[1].decode()
    server.process.terminate()
    status = server.process.wait()
    redis.kill()
    return load, memory, metrics, status


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("facet")
    parser.add_argument("model")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--rate", type=float, default=4, help="requests a second")
    parser.add_argument("--threads", type=int, default=0, help="of the engine; 0: all processors")
    parser.add_argument("--photos", help="a folder of JPEG files; else pictures are drawn")
    parser.add_argument("--growth-limit", type=float, default=0.05,
                        help="of the median memory of a fifth of the time, from the third fifth to the last")
    parser.add_argument("--report", help="also writes the JSON to this file")
    options = parser.parse_args()
    if shutil.which("redis-server") is None:
        print("serve: Skipped\nredis-server is not installed\n")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        load, memory, metrics, status = run(options, folder)
    growth = fifth(memory, 4) / fifth(memory, 2) - 1
    heap_free = float(re.search(r"^facet_process_heap_free_bytes (\S+)$", metrics, re.M)[1])
    every = max(1, len(memory) // 60)
    report = {
        "seconds": memory[-1][0],
        "suspended_seconds": round(sum(until - since for since, until in load.suspended), 1),
        "asked": load.asked,
        "busy": sum(count for asked in load.asked.values() for status, count in asked.items() if status in BUSY),
        "late_while_suspended": load.late,
        "wrong": load.wrong[:20],
        "exit_status": status,
        "resident_mb_over_time": [(seconds, round(size / 1e6, 1)) for seconds, size in memory[::every]],
        "resident_mb_by_fifths": [round(fifth(memory, number) / 1e6, 1) for number in range(5)],
        "growth": round(growth, 4),
        "heap_free_mb": round(heap_free / 1e6, 1),
        "metrics": re.findall(r"^facet_(?:cache|redis|pictures|process)\w*(?<!_bucket)(?:{[^}]*})? \S+$", metrics, re.M),
    }
    print(json.dumps(report, indent=1))
    if options.report:
        pathlib.Path(options.report).write_text(json.dumps(report))
    answered = sum(count for asked in load.asked.values() for count in asked.values())
    assert report["busy"] < answered / 2, f"{report['busy']} of {answered} requests found the service too busy"
    assert not load.wrong, f"{len(load.wrong)} wrong answers: {load.wrong[:20]}"
    assert status == 0, f"facet serve ended with {status}"
    assert growth <= options.growth_limit, f"memory grew by {growth:.1%} from the third fifth of the time to the last"
    assert heap_free <= HEAP_FREE_LIMIT, f"malloc keeps {heap_free / 1e6:.0f} MB that nobody uses"


main()
