"""The drift statistics, in the order of export. A new one takes a module like `jensen_shannon` and an entry here.

The values that the configuration's `drift.methods` may have, the metrics, and their documentation follow from this
list.
"""

from exporter.derived.chi2 import CHI2
from exporter.derived.distributions import DriftStatistic
from exporter.derived.jensen_shannon import JENSEN_SHANNON
from exporter.derived.kolmogorov_smirnov import KS
from exporter.derived.psi import PSI
from exporter.derived.wasserstein import WASSERSTEIN

DRIFT_STATISTICS: tuple[DriftStatistic, ...] = (PSI, KS, CHI2, JENSEN_SHANNON, WASSERSTEIN)
