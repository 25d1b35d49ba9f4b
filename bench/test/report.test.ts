import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { AdapterId } from '../src/adapters/index.js';
import { chartSvg } from '../src/report/chart.js';
import { headlineTable } from '../src/report/headline.js';
import { describeRun, table } from '../src/report/markdown.js';
import { replaceBetweenMarks } from '../src/report/readme.js';
import { Summary } from '../src/report/summary.js';
import { judgeTargets } from '../src/report/targets.js';
import type { Outcome } from '../src/run/outcome.js';
import { SCENARIOS } from '../src/scenarios/index.js';

const measured = (key: string, value: number): Outcome => ({ kind: 'measured', values: { [key]: value } });

function summaryOf(
  scenarioId: string,
  key: string,
  rows: Partial<Record<AdapterId, (number | Outcome)[]>>,
): Summary {
  const scenario = SCENARIOS.find(({ id }) => id === scenarioId);
  assert.ok(scenario);
  const asRows = Object.entries(rows).map(([id, rounds]) => ({
    id: id as AdapterId,
    rounds: rounds.map((round) => (typeof round === 'number' ? measured(key, round) : round)),
  }));
  return new Summary({ scenario, rows: asRows });
}

const libraries = (['ours', 'floor', 'verrou', 'redlock'] as const).map((id) => ({
  id,
  label: id,
  version: '1',
  setUp: '',
}));
const BROKEN: Outcome = { kind: 'broken', reason: 'two holders at once' };
const FAILED: Outcome = { kind: 'failed', reason: 'crashed' };

describe('a summary', () => {
  it('takes the median of the rounds', () => {
    const summary = summaryOf('throughput', 'pairsPerSecond', { ours: [1, 100, 3] });
    assert.equal(summary.value('ours', 'pairsPerSecond'), 3);
  });

  it('compares each round with the same round of the others', () => {
    const rows = { ours: [200, 20], verrou: [100, 10], redlock: [50, 5], floor: [400, 40] };
    const summary = summaryOf('throughput', 'pairsPerSecond', rows);
    assert.equal(summary.ratio('ours', { of: 'pairsPerSecond', to: 'best peer' }), 2);
    assert.equal(summary.ratio('ours', { of: 'pairsPerSecond', to: 'floor' }), 0.5);
  });

  it('knows that less is better where it is', () => {
    const summary = summaryOf('latency', 'p50Us', { ours: [50], floor: [100] });
    assert.equal(summary.ratio('ours', { of: 'p50Us', to: 'floor' }), 2);
  });

  it('gives a quotient where the goal is one, and compares with no lock at all', () => {
    const summary = summaryOf('latency', 'p99Us', { ours: [300, 20], floor: [100, 10] });
    assert.equal(summary.ratio('ours', { of: 'p99Us', to: 'floor', as: 'quotient' }), 2.5);
    const served = summaryOf('http', 'expressPerSecond', { ours: [60], floor: [80], none: [100] });
    assert.equal(served.ratio('ours', { of: 'expressPerSecond', to: 'none' }), 0.6);
  });

  it('counts neither ours nor what is no library among the peers', () => {
    const rows = { ours: [2], 'ours-sent': [9], none: [9], floor: [9], 'floor-pipelined': [9], verrou: [1] };
    const summary = summaryOf('throughput', 'pairsPerSecond', rows);
    assert.equal(summary.ratio('ours', { of: 'pairsPerSecond', to: 'best peer' }), 2);
  });

  it('gives no number for a lock that broke in one of its rounds, and compares nobody with it', () => {
    const summary = summaryOf('throughput', 'pairsPerSecond', {
      ours: [10],
      verrou: [999, BROKEN, 999],
      redlock: [5],
    });
    assert.equal(summary.value('verrou', 'pairsPerSecond'), undefined);
    assert.match(summary.problem('verrou') ?? '', /did not hold/);
    assert.equal(summary.ratio('ours', { of: 'pairsPerSecond', to: 'best peer' }), 2);
  });

  it('counts the rounds that failed where others did not', () => {
    const summary = summaryOf('throughput', 'pairsPerSecond', { verrou: [4, FAILED, 6] });
    assert.equal(summary.value('verrou', 'pairsPerSecond'), 5);
    assert.equal(summary.failedRounds('verrou'), 1);
  });
});

describe('the targets', () => {
  it('are met or missed, and missed when there is no number', () => {
    const met = (rows: Parameters<typeof summaryOf>[2]): boolean | undefined =>
      judgeTargets([summaryOf('throughput', 'pairsPerSecond', rows)])[0]?.met;
    assert.equal(met({ ours: [130], verrou: [100] }), true);
    assert.equal(met({ ours: [129], verrou: [100] }), false);
    assert.equal(met({ ours: [BROKEN], verrou: [100] }), false);
    assert.equal(met({ ours: [200], verrou: [FAILED] }), false);
  });

  it('that are a quotient are met below it, in any of its rounds the same round of the other', () => {
    const judge = (ours: number[], floor: number[]): boolean | undefined =>
      judgeTargets([summaryOf('throughput', 'serverUs', { ours, floor })]).find(({ says }) =>
        says.includes('server: µs'),
      )?.met;
    assert.equal(judge([20, 40, 60], [21, 41, 1]), true);
    assert.equal(judge([20, 40, 60], [19, 39, 99]), false);
  });

  it('each ask for a figure that its scenario has', () => {
    for (const scenario of SCENARIOS) {
      const values = Object.fromEntries(scenario.columns.map(({ key }) => [key, 1]));
      const ids: AdapterId[] = ['ours', 'ours-sent', 'ours-no-cohort', 'floor', 'none', 'verrou'];
      const rows = ids.map((id) => ({ id, rounds: [{ kind: 'measured' as const, values }] }));
      for (const { says, value } of judgeTargets([new Summary({ scenario, rows })]))
        assert.equal(value, 1, says);
    }
  });

  it('of scenarios that were not run are not judged', () => {
    assert.deepEqual(judgeTargets([]), []);
  });
});

describe('the README', () => {
  it('gets new figures between its marks and stays as it is elsewhere', () => {
    const page = 'a\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nb\n';
    const expected = 'a\n<!-- bench: begin -->\nnew\n<!-- bench: end -->\nb\n';
    assert.equal(replaceBetweenMarks(page, 'new'), expected);
    assert.throws(() => replaceBetweenMarks('no marks', 'new'), /lost its marks/);
  });

  it('names the best other library of each figure', () => {
    const rows = { ours: [30], floor: [20], verrou: [5], redlock: [10] };
    assert.match(
      headlineTable([summaryOf('throughput', 'pairsPerSecond', rows)], libraries),
      /\*\*30\*\* \| +20 \| 10 \(redlock\)/,
    );
    assert.match(headlineTable([summaryOf('latency', 'p50Us', rows)], libraries), /\| 5 \(verrou\)/);
  });
});

describe('the report', () => {
  const summary = summaryOf('throughput', 'pairsPerSecond', {
    ours: [12_345],
    verrou: [BROKEN],
    redlock: [FAILED],
  });

  it('shows what broke or failed, with its reason and without a number', () => {
    const text = table(summary, libraries);
    assert.match(text, /\| ours +\| +12 345 \|/);
    assert.match(text, /\| verrou \[1\] +\| +– \|/);
    assert.match(text, /\[1\] verrou: \*\*did not hold\*\*: two holders at once\./);
    assert.match(text, /\[2\] redlock: failed: crashed\./);
  });

  it('says what a run was worth', () => {
    const machine = { cores: 2, cpu: 'c', node: '20', redis: '7', ioredis: '6', date: 'd', load: 0 };
    const says = (rounds: number, isQuick: boolean): string =>
      describeRun({ machine, rounds, isQuick, libraries, summaries: [], targets: [] });
    assert.match(says(3, false), /^Medians of 3 interleaved rounds, d/);
    assert.match(says(1, true), /^One round of short measurements, \*\*a look and no evidence\*\*/);
  });

  it('has a chart with every library and what became of it', () => {
    const svg = chartSvg([summary], libraries) ?? '';
    for (const part of ['<svg', 'ours', '12 345', 'verrou', 'did not hold', 'redlock', 'failed']) {
      assert.ok(svg.includes(part), `the chart has no ${part}`);
    }
  });
});
