#!/usr/bin/env bash
# A sweep of trainings as a Slurm array. Once before, so that tasks do not build side by side: npm run bench -- --help
# Then, in the checkout: sbatch --array=1-4 benchmarks/sweeps/slurm.sh --suites quality --profile full
# Every task trains its part; a task that is killed and started again goes on with the cells that its folder has.
# Afterwards: npm run bench -- merge sweep/part-* --out sweep/all
#SBATCH --job-name=headwise
#SBATCH --cpus-per-task=2
#SBATCH --requeue
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"
cli=benchmarks/dist/cli.js
[[ -f $cli ]] || { echo "there is no $PWD/$cli: submit from the checkout, after npm run bench -- --help" >&2; exit 2; }
exec node "$cli" "$@" --out "${SWEEP_OUT:-sweep}/part-${SLURM_ARRAY_TASK_ID:?start it with sbatch --array=1-4}"
