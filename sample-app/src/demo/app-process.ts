import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const START_WITHIN_MS = 15_000;

/** The sample app in a process of its own. */
export class AppProcess {
  /** What it printed, line by line. */
  readonly lines: string[] = [];
  private readonly kill = () => this.child.kill('SIGKILL');

  private constructor(
    private readonly child: ChildProcess,
    readonly name: string,
    /** Where it listens; known when {@link start} resolves. */
    public url = '',
  ) {
    process.once('exit', this.kill);
  }

  static async start(name: string, env: Readonly<Record<string, string>>, main = MAIN): Promise<AppProcess> {
    const child = spawn(process.execPath, [main], {
      env: { ...process.env, ...env, PORT: '0', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const app = new AppProcess(child, name);
    createInterface({ input: child.stderr }).on('line', (line) => app.lines.push(line));
    await app.listening();
    return app;
  }

  get pid(): number {
    return this.child.pid ?? 0;
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
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.wake();
    this.child.kill('SIGTERM');
    const late = setTimeout(this.kill, 3_000);
    await ended;
    clearTimeout(late);
  }

  private async listening(): Promise<void> {
    this.url = await new Promise<string>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${this.name} ${why}:\n${this.lines.join('\n')}`));
      const late = setTimeout(() => fail('did not start in time'), START_WITHIN_MS);
      this.child.once('exit', (code) => {
        clearTimeout(late);
        fail(`ended with code ${code}`);
      });
      createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        this.lines.push(line);
        const url = /listens on (http:\/\/\S+)/.exec(line)?.[1];
        if (url === undefined) return;
        clearTimeout(late);
        resolve(url);
      });
    });
  }
}
