import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
/** Long, because a start-up on a busy machine takes its time. */
const LINE_WITHIN_MS = 30_000;

/** The sample app in a process of its own. */
export class AppProcess {
  /** What it printed, line by line. */
  readonly lines: string[] = [];
  /** Where it listens; known when {@link start} resolves. */
  url = '';
  private readonly printed = new EventEmitter();
  private readonly kill = () => this.child.kill('SIGKILL');

  private constructor(
    private readonly child: ChildProcess,
    readonly name: string,
  ) {
    process.once('exit', this.kill);
    child.once('exit', () => this.printed.emit('line')); // whoever waits for a line looks again
    this.read(child.stdout);
    this.read(child.stderr);
  }

  static async start(name: string, env: Readonly<Record<string, string>>, main = MAIN): Promise<AppProcess> {
    const child = spawn(process.execPath, [main], {
      env: { ...process.env, ...env, PORT: '0', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const app = new AppProcess(child, name);
    const listens = /listens on (http:\/\/\S+)/;
    try {
      app.url = listens.exec(await app.untilLine('listens on http://'))?.[1] ?? '';
      return app;
    } catch (error) {
      await app.stop();
      throw error;
    }
  }

  /** Process A and process B, or none. */
  static async startTwo(
    env: Readonly<Record<string, string>>,
    main = MAIN,
  ): Promise<readonly [AppProcess, AppProcess]> {
    const names = ['process A', 'process B'];
    const started = await Promise.allSettled(names.map((name) => AppProcess.start(name, env, main)));
    const apps = started.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
    const [a, b] = apps;
    if (a !== undefined && b !== undefined) return [a, b];
    await Promise.all(apps.map((app) => app.stop()));
    throw started.find((start) => start.status === 'rejected')?.reason;
  }

  /** SIGSTOP: as a paused machine or a very long garbage collection, it does not notice. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  wake(): void {
    this.child.kill('SIGCONT');
  }

  /** Politely, then not. */
  async stop(): Promise<void> {
    process.off('exit', this.kill);
    if (this.ended) return;
    const ended = once(this.child, 'exit');
    this.wake();
    this.child.kill('SIGTERM');
    const late = setTimeout(this.kill, 3_000);
    await ended;
    clearTimeout(late);
  }

  /** The first line that contains this text, also one that was printed before. */
  async untilLine(text: string): Promise<string> {
    const late = AbortSignal.timeout(LINE_WITHIN_MS);
    for (;;) {
      const line = this.lines.find((each) => each.includes(text));
      if (line !== undefined) return line;
      if (this.ended) throw new Error(`${this.name} ended:\n${this.lines.join('\n')}`);
      await once(this.printed, 'line', { signal: late }).catch(() => {
        throw new Error(`${this.name} did not print "${text}" in time:\n${this.lines.join('\n')}`);
      });
    }
  }

  private get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  private read(stream: Readable | null): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (line) => {
      this.lines.push(line);
      this.printed.emit('line');
    });
  }
}
