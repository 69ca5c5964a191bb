"""Runs deploy/kubernetes/check, and sees it refuse what is wrong."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

KUBERNETES = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
# File, text, what it becomes, what the check must say.
MISTAKES = (
    ("base/deployment.yaml", "periodSeconds: 10", "periodSecond: 10", "'\"periodSecond\"' does not exist"),
    ("base/deployment.yaml", "containerPort: 8080", "containerPort: many", "containerPort must be integer"),
    ("base/deployment.yaml", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 30", "draining takes up to 35 s"),
    ("base/deployment.yaml", "claimName: facet-models", "claimName: models", "no PersistentVolumeClaim models"),
    ("base/service.yaml", "targetPort: http", "targetPort: web", "no port web"),
    ("overlays/production/autoscaler.yaml", "name: facet}", "name: fact}", "scales nothing"),
    ("overlays/small/kustomization.yaml", "name: facet-models}", "name: models}", "which is not there"),
)


def skip(reason):
    print(f"deploy: Skipped\n{reason}\n")
    sys.exit(77)


def run(folder):
    result = subprocess.run(["node", str(folder / "check" / "check.mjs")], capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def main():
    if shutil.which("node") is None:
        skip("Node.js is not installed")
    if not (KUBERNETES / "check" / "node_modules").is_dir():
        skip("the schemas are not installed: npm ci in deploy/kubernetes/check")
    status, said = run(KUBERNETES)
    assert status == 0, said
    for file, text, mistake, expected in MISTAKES:
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "kubernetes"
            shutil.copytree(KUBERNETES, copy, ignore=shutil.ignore_patterns("node_modules", ".types-*"))
            (copy / "check" / "node_modules").symlink_to(KUBERNETES / "check" / "node_modules")
            path = copy / file
            assert text in path.read_text(), f"{file} no longer has {text!r}"
            path.write_text(path.read_text().replace(text, mistake))
            status, said = run(copy)
            assert status != 0 and expected in said, f"{mistake!r} in {file}: expected {expected!r}, the check said:\n{said}"


main()
