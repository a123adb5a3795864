// `node scripts/with-pnpm.mjs exec turbo run build`: pnpm without installing first, for scripts that npm starts.
import { pnpm } from './launch.mjs';

process.exitCode = await pnpm(process.argv.slice(2));
