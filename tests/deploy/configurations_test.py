"""configurations_test.py FACET: the program starts with every configuration under deploy/, and refuses a wrong one."""
import json
import pathlib
import subprocess
import sys
import tempfile

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
FILES = ("facet.yaml", "container/serve.yaml", "kubernetes/base/facet.yaml")


def serve(program, config, *options):
    """The port that the program listens at, or None and what it said instead."""
    arguments = [program, "serve", "--config", str(config), "--host", "127.0.0.1", "--port", "0", "--admin-port", "-1", *options]
    child = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    said = ""
    try:
        for line in child.stderr:
            said += line
            if line.startswith("{") and json.loads(line).get("event") == "listening":
                return json.loads(line)["port"], said
        return None, said
    finally:
        child.kill()
        child.communicate()


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        # The models they name need not be here: a service listens first and loads afterwards.
        model = pathlib.Path(folder) / "model.pt"
        model.write_bytes(b"")
        for name in FILES:
            port, said = serve(program, DEPLOY / name, "--model", f"mobile_sam={model}")
            assert port, f"{name}: {said}"
        wrong = pathlib.Path(folder) / "wrong.yaml"
        wrong.write_text((DEPLOY / "facet.yaml").read_text().replace("max_pixels", "max_pixel"))
        port, said = serve(program, wrong)
        assert port is None and "max_pixel" in said, f"a wrong key was taken: {said}"


main(sys.argv[1])
