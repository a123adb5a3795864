// The launcher behind `npm start` and `npm test`: installs with the exact pnpm that package.json names, then runs one
// of the workspace's scripts. Needs Node and npm only; nothing is installed globally.
import { checkNode, install, pnpm } from './launch.mjs';

checkNode();

// Ctrl-C reaches the running command too, which saves what it has; wait for it instead of leaving first
process.on('SIGINT', () => {});

const installed = await install();
process.exitCode = installed === 0 ? await pnpm(process.argv.slice(2)) : installed;
