# The commands behind each target are plain ones; the README shows them for people without make.
SHELL := /bin/sh
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: help run forecast neural test fast lint params why ui serve sweep compare lock

help:  ## show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

run:  ## make the environment, run the pipeline, say what came out
	@./environment.sh
	@[ -e params.yaml ] || python src/compose.py
	@dvc repro
	@python src/summary.py

# In a project without the example, its own settings say what is forecast.
forecast:  ## add what forecasting needs, forecast the example, register the model
	@./environment.sh forecasting
	@[ ! -e conf/data/co2.yaml ] || python src/compose.py data=co2 automl=forecasting
	@dvc repro
	@python src/summary.py

neural:  ## add what neural networks need, search with them too, register the model
	@./environment.sh neural
	@python src/compose.py automl=neural
	@dvc repro
	@python src/summary.py

test:  ## every test, the slow ones too
	@./environment.sh dev
	@python -m pytest -n 2 --dist loadfile

fast:  ## the tests that take seconds
	@./environment.sh dev
	@python -m pytest -n 2 --dist loadfile -m "not slow"

lint:  ## formatting, lint and types
	@./environment.sh dev
	@ruff format --check .
	@ruff check .
	@mypy

params:  ## compose conf/ into params.yaml without running anything
	@./environment.sh
	@python src/compose.py

why:  ## say which stages would run, and why
	@./environment.sh
	@python src/why.py

ui:  ## see the runs at http://127.0.0.1:5000
	@./environment.sh
	@mlflow server --host 127.0.0.1 --port 5000

serve:  ## serve the champion at http://127.0.0.1:5001
	@./environment.sh
	@python src/serve.py

sweep:  ## queue three experiments with other seeds and run them
	@./environment.sh
	@git rev-parse --quiet --verify HEAD >/dev/null || { echo "Error: Got a project without a commit, expected one, beside \
	which experiments are kept. Run: git add --all && git commit" >&2; exit 1; }
	@dvc exp run --queue -S 'seed=range(1,4)'
	@dvc queue start
	@echo "See how they do: .venv/bin/dvc queue status, then make compare"

# What every experiment has alike, or what says little beside the others: `dvc exp show` alone has all of it.
DROP := Created|State|Executor|best_model|models|failed|left_out|fit_s|test_rows|deployed_mb|passed|conditions\..*
DROP := $(DROP)|accuracy|balanced_accuracy|average_precision|f1|f1_macro|mcc|log_loss|brier_score_loss
DROP := $(DROP)|median_absolute_error|spearmanr|automl\.share|sweep|conf|params\.yaml|requirements[-a-z]*\.(lock|txt)
# The one that is searched by stays.
METRIC = $(shell sed -n 's/^  metric: //p' params.yaml)

compare:  ## show what the experiments differ in, and how good they are
	@./environment.sh
	@dvc exp show --only-changed --no-pager --precision 4 --sort-by score_val --sort-order desc --keep '^$(METRIC)$$' \
		--drop '^($(DROP)|(data|models|reports|src)/.*)$$'
	@! dvc exp show --csv --only-changed | sed -n 1p | grep -q 'data/split/test\.parquet' || \
		echo "They were not all tested on the same rows: a difference on test rows may be the rows' and not the models'"

lock:  ## pin the newest versions that pyproject.toml allows (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group build -o requirements-build.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements.lock --group dev pyproject.toml -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements.lock -c requirements-build.lock -c requirements-torch.txt --no-emit-package torch --group forecasting -o requirements-forecasting.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements.lock -c requirements-build.lock -c requirements-torch.txt --no-emit-package torch --group neural -o requirements-neural.lock
