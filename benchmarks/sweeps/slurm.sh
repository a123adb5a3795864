#!/usr/bin/env bash
# A sweep of trainings as a Slurm array: sbatch --array=1-4 benchmarks/sweeps/slurm.sh --profile full
# Every task trains its part; a task that is killed and started again goes on with the cells that its folder has.
# Afterwards: npm run bench -- merge sweep/part-* --out sweep/all
#SBATCH --job-name=headwise
#SBATCH --cpus-per-task=2
#SBATCH --requeue
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-.}"
exec npm run --silent bench -- --suites quality "$@" --out "${SWEEP_OUT:-sweep}/part-${SLURM_ARRAY_TASK_ID:?start it with sbatch --array=1-4}"
