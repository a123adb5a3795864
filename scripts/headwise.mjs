#!/usr/bin/env node
// `pnpm headwise …` in this repository
process.argv.splice(2, 0, 'headwise');
await import('./run.mjs');
