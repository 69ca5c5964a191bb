"""manifests_test.py NODE WHY_NOT: runs deploy/check, and sees it refuse what is wrong."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
# File, text, what it becomes, what the check must say: all in one copy, but one that ends the check.
MISTAKES = (
    ("kubernetes/base/deployment.yaml", "periodSeconds: 10", "periodSecond: 10", "'\"periodSecond\"' does not exist"),
    ("kubernetes/base/deployment.yaml", "containerPort: 8080", "containerPort: many", "containerPort must be integer"),
    ("kubernetes/base/deployment.yaml", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 30", "draining takes up to 35 s"),
    ("kubernetes/base/deployment.yaml", "claimName: facet-models", "claimName: models", "no PersistentVolumeClaim models"),
    ("kubernetes/base/service.yaml", "targetPort: http", "targetPort: web", "no port web"),
    ("kubernetes/overlays/production/autoscaler.yaml", "name: facet}", "name: fact}", "scales nothing"),
    ("compose.yaml", "cap_drop: [ALL]\n    security_opt", "cap_drp: [ALL]\n    security_opt", '"additionalProperty":"cap_drp"'),
    ("compose.yaml", "restart: unless-stopped", "restart: 1", "/restart must be string"),
)
FATAL = ("kubernetes/overlays/small/kustomization.yaml", "name: facet-models}", "name: models}", "which is not there")


def run(node, folder):
    result = subprocess.run([node, str(folder / "check" / "check.mjs")], capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def expect_refused(node, mistakes):
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "deploy"
        shutil.copytree(DEPLOY, copy, ignore=shutil.ignore_patterns("node_modules", ".types-*"))
        (copy / "check" / "node_modules").symlink_to(DEPLOY / "check" / "node_modules")
        for file, text, mistake, _ in mistakes:
            path = copy / file
            assert text in path.read_text(), f"{file} no longer has {text!r}"
            path.write_text(path.read_text().replace(text, mistake))
        status, said = run(node, copy)
        for file, _, mistake, expected in mistakes:
            assert status != 0 and expected in said, f"{mistake!r} in {file}: expected {expected!r}, the check said:\n{said}"


def main(node, why_not):
    if why_not:
        print(f"deploy: Skipped\nthe schemas were not installed: {why_not}\n")
        sys.exit(77)
    status, said = run(node, DEPLOY)
    assert status == 0, said
    expect_refused(node, MISTAKES)
    expect_refused(node, [FATAL])


main(*sys.argv[1:])
