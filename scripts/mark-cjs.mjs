// dist/cjs needs its own package.json: the root one says "type": "module". Another folder than dist may be given.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = process.argv[2] ?? fileURLToPath(new URL('../dist', import.meta.url));
writeFileSync(join(dist, 'cjs/package.json'), '{"type":"commonjs"}\n');
