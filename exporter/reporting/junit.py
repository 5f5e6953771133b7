"""The report as JUnit XML, which pipelines show as tests."""

from xml.etree import ElementTree as ET  # it is written, not read

from exporter.reporting.document import ReportDocument
from exporter.reporting.gates import LEVELS, Gates


def test_suite(document: ReportDocument, gates: Gates) -> str:
    """Return a test case per feature, output and least figure; without a level in the gates, major drift fails."""
    level = gates.level or max(LEVELS)
    suite = ET.Element("testsuite", name="prediction-exporter report", timestamp=document.about.created)
    failures = 0
    for model in document.models:
        name = f"{model.status.name} {model.status.version}"
        for each in (*model.features, *model.outputs):
            status = each.status
            case = ET.SubElement(suite, "testcase", classname=f"{name}.drift", name=status.name)
            if status.level is None:
                ET.SubElement(case, "skipped", message="too few records")
            elif status.level >= level:
                failures += 1
                text = (
                    f"level {status.level} ({LEVELS[status.level]}), PSI {status.psi:.3g}, limit {status.psi_limit:g}"
                )
                ET.SubElement(case, "failure", message=text)
        problems = {text.split(" ", 1)[0]: text for text in gates.of_performance(model)}
        for figure in gates.least:
            case = ET.SubElement(suite, "testcase", classname=f"{name}.performance", name=figure)
            if figure in problems:
                failures += 1
                ET.SubElement(case, "failure", message=problems[figure])
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failures))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
