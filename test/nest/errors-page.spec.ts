import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Controller, Get, Param } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  LockBusyError,
  type LockBusyCode,
  Locked,
  LockError,
  LockLostError,
  LockStoreError,
  type LockStoreCode,
  LockUsageError,
  type LockUsageCode,
} from '../../src/index.js';
import { ROOT } from '../support/source-files.js';
import { ADAPTERS, type RunningApp, startApp } from './support/start-app.js';

const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
const MAKE: Record<string, (code: string) => LockError> = {
  LockBusyError: (code) =>
    new LockBusyError('order:7', { code: code as LockBusyCode, retryAfterMs: 1_500, message: 'of bob' }),
  LockLostError: () => new LockLostError('order:7', { cause: 'expired' }),
  LockStoreError: (code) =>
    new LockStoreError(code as LockStoreCode, 'at secret-host', { lockName: 'order:7' }),
  LockUsageError: (code) => new LockUsageError(code as LockUsageCode, 'in OrdersController'),
};
/** The table: | `CODE` | class | yes or no | … | HTTP |; without those that only stop a start. */
const rows = [...page.matchAll(/^\| `(?<code>LOCK_\w+)` \|(?<cells>.*)\|$/gm)].map(({ groups }) => {
  const cells = groups!['cells']!.split('|').map((cell) => cell.trim());
  return {
    code: groups!['code']!,
    errorClass: cells[0]!,
    retryable: cells[1] === 'yes',
    http: cells.at(-1)!,
  };
});
const answered = rows.filter(({ http }) => http !== '');
const examples = [...page.matchAll(/^```http\nHTTP\/1\.1 (.*)\n((?:.+\n)+)\n([\s\S]*?)^```/gm)].map(
  ([, status = '', headers = '', body = '{}']) => ({
    status,
    headers: Object.fromEntries(
      headers
        .trim()
        .split('\n')
        .map((line) => line.split(': ')),
    ) as object,
    body: JSON.parse(body) as { code: string },
  }),
);

@Controller()
class Answers {
  @Get('throw/:code')
  throw(@Param('code') code: string): void {
    throw MAKE[rows.find((row) => row.code === code)!.errorClass]!(code);
  }

  @Get('unresolved')
  @Locked('order:<query.orderId>')
  async unresolved(): Promise<void> {}
}

describe.each(ADAPTERS)('docs/errors.md, on %s', (adapter) => {
  let running: RunningApp;

  beforeAll(async () => {
    running = await startApp({ adapter, controllers: [Answers] });
  });

  afterAll(() => running.app.close());

  const answerTo = (code: string) =>
    fetch(`${running.url}/${code === 'LOCK_TEMPLATE_UNRESOLVED' ? 'unresolved' : `throw/${code}`}`);

  it.each(examples)('shows the answer of $body.code as it is sent', async ({ status, headers, body }) => {
    const answer = await answerTo(body.code);
    const names = ['Content-Type', 'Retry-After'].filter((name) => answer.headers.has(name));
    expect(`${answer.status} ${answer.statusText}`).toBe(status);
    expect(await answer.json()).toEqual(body);
    expect(
      Object.fromEntries(names.map((name) => [name, answer.headers.get(name)!.replace(/; charset.*/, '')])),
    ).toEqual(headers);
  });

  it.each(answered)('says of $code what status it has, and whether to try again', async (row) => {
    const { code, errorClass, retryable, http } = row;
    const answer = await fetch(`${running.url}/throw/${code}`);
    expect(MAKE[errorClass]!(code)).toMatchObject({ name: errorClass, code, retryable });
    expect(http).toContain(String(answer.status));
    expect(answer.headers.has('retry-after')).toBe(http.includes('Retry-After'));
  });
});

it('docs/errors.md has an example of each kind of answer', () => {
  expect(answered.length).toBeGreaterThan(10);
  expect(examples.map(({ status }) => status.slice(0, 3))).toEqual([
    '423',
    '429',
    '503',
    '500',
    '400',
    '500',
  ]);
});
