"""Made-up rows on which a model's answers are compared. Travels inside the model."""

import numpy as np
import pandas as pd

from slipway.rows.contract import Contract

PROBE_ROWS = 256


def probe_rows(contract: Contract) -> pd.DataFrame:
    """Return made-up raw rows that always are the same for the same contract: seen values, mixed at random."""
    random = np.random.RandomState(0)  # whose draws NumPy keeps for good
    drawn = {column: random.randint(0, len(seen) + 1, PROBE_ROWS) for column, seen in contract.seen.items()}
    return pd.DataFrame({column: [[*contract.seen[column], None][k] for k in drawn[column]] for column in drawn})
