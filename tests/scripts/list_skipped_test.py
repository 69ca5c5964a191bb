"""scripts/list_skipped on a report as ctest writes it."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "list_skipped"

SKIPPED = """  <testcase name="{0}" classname="{0}" time="0.01" status="notrun">
    <skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
    <system-out>[ RUN      ] {0}
tests/io/png_test.cpp:12: Skipped
shared test material is not on this machine: {1}

[  SKIPPED ] {0} (0 ms)
</system-out>
  </testcase>
"""
RUN = """  <testcase name="Png.ReadsGrey" classname="Png.ReadsGrey" time="0.01" status="run">
    <system-out>[       OK ] Png.ReadsGrey</system-out>
  </testcase>
"""


def list_skipped(cases):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "tests.xml")
        report.write_text(f'<?xml version="1.0"?>\n<testsuite name="(empty)">\n{cases}</testsuite>\n')
        return subprocess.run([sys.executable, str(SCRIPT), str(report)], capture_output=True, text=True,
                              check=True).stdout


class ListSkipped(unittest.TestCase):
    def test_says_so_when_every_test_ran(self):
        self.assertEqual(list_skipped(RUN), "nothing: every test ran\n")

    def test_lists_the_names_under_their_reason(self):
        cases = SKIPPED.format("A.One", "a.pt") + RUN + SKIPPED.format("A.Two", "a.pt") + SKIPPED.format("B.Three", "b")
        self.assertEqual(list_skipped(cases),
                         "2 because shared test material is not on this machine: a.pt\n    A.One\n    A.Two\n"
                         "1 because shared test material is not on this machine: b\n    B.Three\n")

    def test_names_what_was_skipped_among_the_tests_of_one_process(self):
        case = """<testcase name="facet_io_tests.1of8" status="run"><system-out>[ RUN      ] A.One
tests/a.cpp:1: Skipped
as root

[  SKIPPED ] A.One (0 ms)
[       OK ] A.Two (1 ms)
tests/a.cpp:2: Skipped
no device

[  SKIPPED ] B/A.Three/0 (0 ms)
[  SKIPPED ] 2 tests, listed below:
[  SKIPPED ] A.One
</system-out></testcase>"""
        self.assertEqual(list_skipped(case), "1 because as root\n    A.One\n1 because no device\n    B/A.Three/0\n")

    def test_takes_the_reason_of_a_test_that_is_no_googletest(self):
        case = """<testcase name="serve.MixedLoad" status="notrun"><skipped message=""/><system-out>serve: Skipped
redis-server is not installed
</system-out></testcase>"""
        self.assertEqual(list_skipped(case), "1 because redis-server is not installed\n    serve.MixedLoad\n")

    def test_names_a_test_that_gave_no_reason(self):
        case = '<testcase name="C.Four" status="notrun"><skipped message=""/></testcase>'
        self.assertEqual(list_skipped(case), "1 because no reason given\n    C.Four\n")


if __name__ == "__main__":
    unittest.main()
