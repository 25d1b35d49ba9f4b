import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** A number in a file, which processes read, think about and write back: what the lock is there for. No connection of its own. */
export class SharedCounter {
  readonly #file: number;
  readonly #bytes = Buffer.alloc(8);

  constructor(path: string) {
    this.#file = openSync(path, 'r+');
  }

  read(): number {
    readSync(this.#file, this.#bytes, 0, 8, 0);
    return this.#bytes.readDoubleLE();
  }

  write(value: number): void {
    this.#bytes.writeDoubleLE(value);
    writeSync(this.#file, this.#bytes, 0, 8, 0);
  }

  close(): void {
    closeSync(this.#file);
  }
}
