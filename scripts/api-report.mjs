// etc/<entry>.api.md: every public name with its type, one report per entry point, made from dist (`npm run api` builds first).
// `--check` writes nothing and fails when a report is stale, so that no change of the public API goes unnoticed in a review.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ENTRY_POINTS = {
  nest: 'dist/src/index.d.ts',
  engine: 'dist/lib/index.d.ts',
  testing: 'dist/src/testing/index.d.ts',
  terminus: 'dist/src/terminus/index.d.ts',
  schedule: 'dist/src/schedule/index.d.ts',
  bullmq: 'dist/src/bullmq/index.d.ts',
  'engine-testing': 'dist/lib/testing/index.d.ts',
  postgres: 'dist/lib/stores/postgres/index.d.ts',
};
const isCheck = process.argv.includes('--check');

mkdirSync(`${ROOT}etc`, { recursive: true });
const stale = Object.keys(ENTRY_POINTS).filter((name) => !report(name));
if (stale.length > 0) {
  const files = stale.map((name) => `etc/${name}.api.md`).join(', ');
  console.error(
    `The public API is not what ${files} says. If that is meant: npm run api, and commit the difference.`,
  );
  process.exit(1);
}

/** true when the report is up to date, or has been written. */
function report(name) {
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: `${ROOT}${ENTRY_POINTS[name]}`,
      compiler: { tsconfigFilePath: `${ROOT}tsconfig.build.json` },
      apiReport: {
        enabled: true,
        reportFolder: `${ROOT}etc`,
        reportTempFolder: `${ROOT}node_modules/.cache/api-report`,
        reportFileName: `${name}.api.md`,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: `${ROOT}package.json`,
  });
  const { apiReportChanged, errorCount } = Extractor.invoke(config, {
    localBuild: !isCheck,
    messageCallback: (message) => {
      // Our comments are for editors and people; TSDoc's grammar (release tags, @throws …) is not a gate here.
      if (message.logLevel !== ExtractorLogLevel.Error) message.logLevel = ExtractorLogLevel.None;
    },
  });
  return errorCount === 0 && !(isCheck && apiReportChanged);
}
