"""scripts/check_layers on small trees, each with one thing wrong."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check_layers"

GOOD = {
    "include/facet/tensor.h": "#include <vector>\n",
    "include/facet/model.h": '#include "facet/tensor.h"\n',
    "src/core/CMakeLists.txt": "facet_add_library(core PUBLIC_HEADERS facet/tensor.h HEADERS core/arena.h)",
    "src/core/arena.h": '#include "facet/tensor.h"\n',
    "src/io/CMakeLists.txt": "facet_add_library(io DEPENDS facet::core)",
    "src/io/reader.h": '#include "core/arena.h"\n',
    "src/io/reader.cpp": '#include "io/reader.h"\n#include <nlohmann/json.hpp>\n',
    "src/ops/cpu/gemm.cpp": '#include <oneapi/dnnl/dnnl.hpp>\n#include "hwy/highway.h"\n',
    "src/ops/attention.h": '#include "core/arena.h"\n',
    "src/nn/linear.h": '#include "ops/attention.h"\n',
    "src/models/CMakeLists.txt":
        "facet_add_library(models PUBLIC_HEADERS facet/model.h\n  DEPENDS facet::io facet::nn)",
    "src/models/sam.cpp": '#include "facet/model.h"\n#include "io/reader.h"\n#include "nn/linear.h"\n',
    "src/segment/predictor.cpp": '#include "facet/model.h"\n#include "models/names.h"\n',
    "src/models/names.h": "",
    "src/cli/main.cpp": '#include <CLI/CLI.hpp>\n#include "facet/model.h"\n',
}


def check(changes):
    """Status and output of the script on the good tree with `changes` laid over it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**GOOD, **changes}.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        run = subprocess.run([sys.executable, str(SCRIPT), "--root", folder], capture_output=True, text=True)
        return run.returncode, run.stdout


class CheckLayers(unittest.TestCase):
    def test_accepts_includes_that_point_left(self):
        self.assertEqual(check({}), (0, ""))

    def expect_finding(self, changes, place, *words):
        status, output = check(changes)
        self.assertEqual(status, 1, output)
        line = next((line for line in output.splitlines() if line.startswith(place + ":")), None)
        self.assertIsNotNone(line, f"nothing about {place} in:\n{output}")
        for word in words:
            self.assertIn(word, line)
        return output

    def test_refuses_every_include_that_points_right(self):
        for source, header in [("core", "ops/attention.h"), ("core", "io/reader.h"), ("io", "ops/attention.h"),
                               ("io", "models/names.h"), ("ops", "nn/linear.h"), ("ops", "io/reader.h"),
                               ("nn", "io/reader.h"), ("nn", "models/names.h"), ("models", "segment/mask.h")]:
            with self.subTest(source=source, header=header):
                changes = {"src/segment/mask.h": "", f"src/{source}/wrong.cpp": f'\n#include "{header}"\n'}
                self.expect_finding(changes, f"src/{source}/wrong.cpp:2", source, header, "left")

    def test_counts_a_public_header_to_the_folder_that_lists_it(self):
        self.expect_finding({"src/io/wrong.cpp": '#include "facet/model.h"\n'}, "src/io/wrong.cpp:1", "models")
        self.expect_finding({"include/facet/tensor.h": '#include "facet/model.h"\n'}, "include/facet/tensor.h:1",
                            "models")

    def test_refuses_a_public_header_that_nobody_lists(self):
        self.expect_finding({"include/facet/orphan.h": ""}, "include/facet/orphan.h:1", "PUBLIC_HEADERS")

    def test_refuses_a_public_header_that_shows_internals_or_third_parties(self):
        self.expect_finding({"include/facet/tensor.h": '#include "core/arena.h"\n'}, "include/facet/tensor.h:1",
                            "not installed")
        self.expect_finding({"include/facet/tensor.h": "#include <png.h>\n"}, "include/facet/tensor.h:1", "<png.h>")

    def test_confines_third_party_libraries(self):
        self.expect_finding({"src/ops/wrong.cpp": "#include <oneapi/dnnl/dnnl.hpp>\n"}, "src/ops/wrong.cpp:1",
                            "oneDNN", "src/ops/cpu/")
        self.expect_finding({"src/ops/cpu.cpp": "#include <dnnl.hpp>\n"}, "src/ops/cpu.cpp:1", "oneDNN")
        self.expect_finding({"src/nn/wrong.cpp": '#include "hwy/highway.h"\n'}, "src/nn/wrong.cpp:1", "Highway")
        self.expect_finding({"src/segment/wrong.cpp": "#include <CLI/CLI.hpp>\n"}, "src/segment/wrong.cpp:1", "CLI11")
        self.expect_finding({"src/io/wrong.h": "#include <nlohmann/json.hpp>\n"}, "src/io/wrong.h:1", ".cpp")

    def test_refuses_an_include_without_its_folder(self):
        self.expect_finding({"src/io/wrong.cpp": '#include "reader.h"\n'}, "src/io/wrong.cpp:1", "folder/file.h")

    def test_refuses_an_include_that_does_not_exist(self):
        self.expect_finding({"src/io/wrong.cpp": '#include "facet/nothing.h"\n'}, "src/io/wrong.cpp:1", "not exist")

    def test_refuses_headers_that_include_each_other(self):
        changes = {"src/nn/a.h": '#include "nn/b.h"\n', "src/nn/b.h": '#include "nn/a.h"\n'}
        self.expect_finding(changes, "src/nn/b.h:1", "circle", "nn/a.h -> nn/b.h -> nn/a.h")

    def test_refuses_a_link_that_points_right(self):
        self.expect_finding({"src/io/CMakeLists.txt": "facet_add_library(io DEPENDS facet::models)"},
                            "src/io/CMakeLists.txt:1", "facet::models")

    def test_refuses_a_folder_that_has_no_place(self):
        self.expect_finding({"src/utils/CMakeLists.txt": ""}, "src/utils/CMakeLists.txt:1", "utils")

    def test_refuses_a_root_without_sources(self):
        with tempfile.TemporaryDirectory() as folder:
            run = subprocess.run([sys.executable, str(SCRIPT), "--root", folder], capture_output=True, text=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("no folder src/", run.stderr)


if __name__ == "__main__":
    unittest.main()
