"""What each column of a raw row adds to its prediction. Travels inside the model."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from slipway.rows.contract import Contract

# Predictions per row, so that one row costs a bounded time however many columns there are.
BUDGET = 256
# Rows in one request: more would hold up whoever else asks.
MOST_ROWS = 200
# Rows that are predicted together.
TOGETHER = 20


def contributions(contract: Contract, answer: Callable[[pd.DataFrame], np.ndarray], rows: pd.DataFrame) -> pd.DataFrame:
    """Return what each column that the features depend on adds to a row's answer, beside the answer of a typical row.

    Shapley values by sampling (Štrumbelj, Kononenko: Explaining prediction models and individual predictions with
    feature contributions, Knowledge and Information Systems 41, 2014): a made-up row of values that are common in the
    train rows becomes the row at hand, column by column in a random order, and each column is given by how much the
    answer changed; every order is taken backwards too. The same seed takes the same orders and made-up rows for every
    row, so a row gets the same numbers alone as among others.

    Parameters
    ----------
    answer
        Raw rows → the number per row that is explained, of shape (rows,).
    rows
        Raw rows.

    Returns
    -------
    DataFrame
        ``base`` and a column per needed raw column, of shape (rows, columns + 1): they sum to the answer.
    """
    columns = list(contract.needed)
    typed = contract.table(rows)
    random = np.random.RandomState(0)  # whose draws NumPy keeps for good
    pairs = max(1, BUDGET // (len(columns) + 1) // 2)
    orders = [
        order for _ in range(pairs) for drawn in (random.permutation(len(columns)),) for order in (drawn, drawn[::-1])
    ]
    common = {name: contract.seen[name] or [None] for name in contract.columns}
    made_up = contract.table(
        pd.DataFrame({name: [values[random.randint(len(values))] for _ in orders] for name, values in common.items()})
    )
    # own[step, column]: whether a made-up row has the row's own value by that step of its order; the steps of all orders.
    own = np.concatenate([np.argsort(order)[None, :] < np.arange(len(columns) + 1)[:, None] for order in orders])
    steps = len(own)
    behind = made_up.loc[np.repeat(np.arange(len(orders)), len(columns) + 1)]
    result = np.zeros((len(typed), len(columns) + 1))
    for start in range(0, len(typed), TOGETHER):
        some = typed.iloc[start : start + TOGETHER]
        block = pd.concat([behind] * len(some), ignore_index=True)
        for at, name in enumerate(columns):
            repeated = some[name].repeat(steps).reset_index(drop=True)
            block[name] = block[name].where(~np.tile(own[:, at], len(some)), repeated)
        answers = np.asarray(answer(block), dtype="float64").reshape(len(some), len(orders), len(columns) + 1)
        result[start : start + TOGETHER, 0] = answers[:, :, 0].mean(axis=1)
        for at, order in enumerate(orders):
            result[start : start + TOGETHER, 1 + order] += np.diff(answers[:, at], axis=1) / len(orders)
    return pd.DataFrame(result, columns=["base", *columns], index=rows.index)
