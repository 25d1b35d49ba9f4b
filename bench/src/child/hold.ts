import type { LockClient } from '../adapters/adapter.js';

/** Resolves when the name is held, to the function that gives it back. */
export function hold(client: LockClient, name: string): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    let free = (): void => {};
    const freed = new Promise<void>((end) => {
      free = end;
    });
    const released = client.using(name, () => {
      resolve(async () => {
        free();
        await released;
      });
      return freed;
    });
    released.catch(reject);
  });
}

const AT_A_TIME = 500;
/** What keeps them held: without a reference from here the garbage collector would take the holders' frames, and the memory with it. */
const freeAll: (() => void)[] = [];

/** As many as one likes; they stay held until the process ends. */
export async function holdAll(client: LockClient, names: readonly string[]): Promise<void> {
  const theEnd = new Promise<void>((resolve) => freeAll.push(resolve));
  for (let from = 0; from < names.length; from += AT_A_TIME) {
    await Promise.all(names.slice(from, from + AT_A_TIME).map((name) => holdUntil(theEnd, client, name)));
  }
}

function holdUntil(theEnd: Promise<void>, client: LockClient, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const work = (): Promise<void> => {
      resolve();
      return theEnd;
    };
    client.using(name, work).catch(reject);
  });
}
