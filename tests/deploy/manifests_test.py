"""manifests_test.py NODE WHY_NOT: runs deploy/kubernetes/check, and sees it refuse what is wrong."""
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


def run(node, folder):
    result = subprocess.run([node, str(folder / "check" / "check.mjs")], capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def main(node, why_not):
    if why_not:
        print(f"deploy: Skipped\nthe schemas were not installed: {why_not}\n")
        sys.exit(77)
    status, said = run(node, KUBERNETES)
    assert status == 0, said
    for file, text, mistake, expected in MISTAKES:
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "kubernetes"
            shutil.copytree(KUBERNETES, copy, ignore=shutil.ignore_patterns("node_modules", ".types-*"))
            (copy / "check" / "node_modules").symlink_to(KUBERNETES / "check" / "node_modules")
            path = copy / file
            assert text in path.read_text(), f"{file} no longer has {text!r}"
            path.write_text(path.read_text().replace(text, mistake))
            status, said = run(node, copy)
            assert status != 0 and expected in said, f"{mistake!r} in {file}: expected {expected!r}, the check said:\n{said}"


main(*sys.argv[1:])
