"""systemd-analyze on deploy/systemd/facet.service: its syntax, how exposed the service is, and what it may still do."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

UNIT = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "facet.service"
MAX_EXPOSURE = 2.0


def analyze(*arguments):
    result = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def main():
    if shutil.which("systemd-analyze") is None:
        print("deploy: Skipped\nsystemd-analyze is not installed\n")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        # The program need not be installed on this machine: any other stands for it.
        unit = pathlib.Path(folder) / "facet.service"
        unit.write_text(UNIT.read_text().replace("/usr/bin/facet ", "/bin/true "))
        status, said = analyze("verify", "--man=no", str(unit))
        assert status == 0 and not said.strip(), said
        unit_with_mistake = pathlib.Path(folder) / "wrong.service"
        unit_with_mistake.write_text(unit.read_text().replace("PrivateTmp=yes", "PrivateTemp=yes"))
        status, said = analyze("verify", "--man=no", str(unit_with_mistake))
        assert "PrivateTemp" in said, "systemd-analyze takes everything"
        status, said = analyze("security", "--offline=true", str(unit))
        exposure = float(re.search(r"exposure level for \S+: ([0-9.]+)", said).group(1))
        assert exposure <= MAX_EXPOSURE, f"exposure {exposure}; expected at most {MAX_EXPOSURE}"
        assert "setpriority is allowed" in said, "background threads cannot make themselves nicer"


main()
