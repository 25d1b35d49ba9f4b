import * as echarts from 'echarts';

import type { AdapterId } from '../adapters/index.js';
import { formatNumber, type Library } from './format.js';
import type { Summary } from './summary.js';

/** One panel of the chart: a figure of every library, as bars. */
interface Panel {
  readonly scenario: string;
  readonly key: string;
  readonly title: string;
  /** Where bars are cut off, so that one that is off the scale leaves the others their length. */
  readonly most?: number;
}

const PANELS: readonly Panel[] = [
  {
    scenario: 'throughput',
    key: 'pairsPerSecond',
    title: 'Nobody waits, 64 at once: pairs/s (more is better)',
  },
  {
    scenario: 'hot-process',
    key: 'msPerSection',
    title: 'Hot name, 100 waiters × 1 ms: ms per section (less)',
    most: 8,
  },
  { scenario: 'hot-empty', key: 'sectionsPerSecond', title: 'Hot name, 4 processes × 25: sections/s (more)' },
  { scenario: 'hot-1ms', key: 'waitP99Ms', title: 'The same with 1 ms: p99 of the waits, ms (less)' },
  { scenario: 'hand-off', key: 'roundTrips10', title: 'Hand-off over a 10 ms link: round trips (less)' },
  { scenario: 'held-lock', key: 'commandsPerSecond', title: '500 waiters: commands/s (less)' },
];

const COLUMNS = 2;
const PANEL = { width: 470, height: 300, left: 170, top: 44, bottom: 8, right: 70 };
const OURS = '#c2410c';
const OTHERS = '#64748b';
const TEXT = { color: '#1e293b', fontFamily: 'sans-serif' };

/** Undefined: nothing to show. */
export function chartSvg(summaries: readonly Summary[], libraries: readonly Library[]): string | undefined {
  const panels = PANELS.flatMap((panel) => {
    const summary = summaries.find(({ scenario }) => scenario.id === panel.scenario);
    return summary === undefined ? [] : [{ ...panel, summary }];
  });
  if (panels.length === 0) return undefined;
  const rows = Math.ceil(panels.length / COLUMNS);
  const size = { width: PANEL.width * COLUMNS, height: PANEL.height * rows };
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
  const drawn = panels.map((panel, index) => drawPanel(panel, index, libraries));
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: drawn.map(({ title }) => title),
    grid: drawn.map(({ grid }) => grid),
    xAxis: drawn.map(({ xAxis }) => xAxis),
    yAxis: drawn.map(({ yAxis }) => yAxis),
    series: drawn.map(({ series }) => series),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

type DrawnPanel = Record<'title' | 'grid' | 'xAxis' | 'yAxis' | 'series', object>;

function drawPanel(
  panel: Panel & { summary: Summary },
  index: number,
  libraries: readonly Library[],
): DrawnPanel {
  const { summary, key, title, most = Infinity } = panel;
  const left = (index % COLUMNS) * PANEL.width;
  const top = Math.floor(index / COLUMNS) * PANEL.height;
  const label = (id: AdapterId): string => libraries.find((library) => library.id === id)?.label ?? id;
  const bars = summary.ids.map((id) => {
    const value = summary.value(id, key);
    const says =
      value === undefined
        ? (summary.problem(id)?.split(':')[0]?.replaceAll('*', '') ?? '–')
        : formatNumber(value, value < 10 ? 2 : 0) + (value > most ? ' ▸' : ''); // longer than it is drawn
    return {
      value: Math.min(value ?? 0, most),
      itemStyle: { color: id.startsWith('ours') ? OURS : OTHERS },
      label: { show: true, position: 'right', formatter: says, ...TEXT, fontSize: 11 },
    };
  });
  return {
    title: { text: title, left: left + 12, top: top + 12, textStyle: { ...TEXT, fontSize: 13 } },
    grid: {
      outerBoundsMode: 'none',
      left: left + PANEL.left,
      top: top + PANEL.top,
      width: PANEL.width - PANEL.left - PANEL.right,
      height: PANEL.height - PANEL.top - PANEL.bottom,
    },
    xAxis: { type: 'value', gridIndex: index, show: false, min: 0 },
    yAxis: {
      type: 'category',
      gridIndex: index,
      inverse: true,
      data: summary.ids.map(label),
      axisTick: { show: false },
      axisLine: { show: false },
      axisLabel: { ...TEXT, fontSize: 11 },
    },
    series: { type: 'bar', xAxisIndex: index, yAxisIndex: index, data: bars, barWidth: '70%' },
  };
}
