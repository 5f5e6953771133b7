"""What the README says of power and false alarms is what was simulated."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SIZES = ("200", "500", "2000")


def rows(path: Path, cells: int) -> list[list[str]]:
    lines = (line.strip().strip("|").split("|") for line in path.read_text().splitlines() if line.startswith("| "))
    return [[cell.strip() for cell in line] for line in lines if len(line) == cells]


def test_the_readme_has_the_simulated_shares() -> None:
    simulated = {(change, n): shares for change, n, *shares in rows(ROOT / "tests" / "honesty" / "results.md", 6)}
    shown = [row for row in rows(ROOT / "README.md", 6) if (row[0], "200") in simulated]
    assert len(shown) > 4
    for change, *shares in shown:
        of_change = [simulated[change, n] for n in SIZES]
        few, _, many = of_change
        assert shares == [*(each[0] for each in of_change), f"{few[2]}, {many[2]}", f"{few[3]}, {many[3]}"]
