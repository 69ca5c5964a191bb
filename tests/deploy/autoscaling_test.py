"""autoscaling_test.py FACET MODEL: what the autoscaler asks for, prometheus-adapter gives, from what the program says."""
import json
import pathlib
import re
import subprocess
import sys
import urllib.request

KUBERNETES = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"


def metrics(program, model):
    arguments = [program, "serve", "--config", str(KUBERNETES / "base" / "facet.yaml"), "--host", "127.0.0.1", "--port", "0",
                 "--admin-port", "-1", "--no-pack-cache", "--model", f"mobile_sam={model}"]
    child = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    try:
        port = next(json.loads(line)["port"] for line in child.stderr if '"event":"listening"' in line)
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60).read().decode()
    finally:
        child.kill()
        child.communicate()


def main(program, model):
    asked = re.findall(r"metric: \{name: (\w+)\}", (KUBERNETES / "overlays/production/autoscaler.yaml").read_text())
    adapter = (KUBERNETES / "prometheus_adapter.yaml").read_text()
    given = re.findall(r"name: \{as: (\w+)\}", adapter)
    assert asked and asked == given, f"the autoscaler asks for {asked}, the adapter gives {given}"
    # The series with the program's own label; namespace and pod are Prometheus's.
    found = re.search(r"seriesQuery: '(\w+\{lane=\"\w+\"),", adapter).group(1)
    summed = re.search(r"metricsQuery: 'avg\(avg_over_time\((\w+\{lane=\"\w+\"),", adapter).group(1)
    assert found == summed, f"the adapter finds {found}}}, but asks for {summed}}}"
    said = metrics(program, model)
    assert f"\n{found}}} " in said, f"the adapter asks for {found}}}, the program says:\n{said}"


main(*sys.argv[1:])
