import 'reflect-metadata';
import { once } from 'node:events';
import type { DynamicModule } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';

import { type AdapterName, type RunningApp, Section, startApp, until, waiting } from './application.js';
import { GroupsResolver } from './groups-resolver.js';

interface Answer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly { message: string; extensions?: Record<string, unknown>; path?: unknown }[];
}

/** What a resolver of `@Locked` does with any driver; called once by the spec of each. */
export function resolverStory(adapter: AdapterName, graphql: DynamicModule): void {
  const start = () => startWith(adapter, graphql);
  callStory(start);
  refusalStory(start);
  describe('a subscription', () => {
    subscriptionStory(start);
  });
}

type Start = () => ReturnType<typeof startWith>;

async function startWith(adapter: AdapterName, graphql: DynamicModule) {
  const running = await startApp({
    adapter,
    imports: [graphql],
    providers: [GroupsResolver, Section],
  });
  const ask = async (
    query: string,
    signal?: AbortSignal,
  ): Promise<Answer & { text: string; status: number }> => {
    const answer = await fetch(`${running.url}/graphql`, {
      method: 'POST',
      body: JSON.stringify({ query }),
      headers: { 'content-type': 'application/json' },
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await answer.text();
    return { ...(JSON.parse(text) as Answer), text, status: answer.status };
  };
  return { ...running, ask, section: running.get(Section) };
}

function callStory(start: Start): void {
  it('runs one after the other under the name of the template', async () => {
    await using running = await start();
    await Promise.all([1, 2, 3].map(() => running.ask('{ group(id: "7") { id } }')));
    expect([running.section.names, running.section.most]).toEqual([Array(3).fill('group:7'), 1]);
    expect(running.locks.held()).toEqual([]);
    expect((await running.ask('{ seat(seat: 5) }')).data).toEqual({ seat: 'seat:5' });
    expect((await running.ask('{ plain(id: "7") { members } }')).data).toEqual({
      plain: { members: 'members of 7' },
    });
    expect((await running.ask('mutation { join(input: { id: "7" }) { id } }')).data).toEqual({
      join: { id: '7' },
    });
  });
}

function refusalStory(start: Start): void {
  it.each([
    ['a mutation', 'mutation { join(input: { id: "7" }) { id } }', 'group:7'],
    ['a field resolver', '{ plain(id: "7") { members } }', 'members:7'],
    ['a lock by hand', '{ byHand(id: "7") }', 'group:7'],
  ])('that is busy has a code and when to try again, and no name: %s', async (_what, query, name) => {
    await using running = await start();
    await using lease = await running.locks.acquire(name);
    const { errors, text } = await running.ask(query);
    expect(errors).toHaveLength(1);
    expect(errors![0]!.message).toBe('another request is working on this now; try again later');
    expect(errors![0]!.extensions).toMatchObject({ code: 'LOCK_BUSY', retryable: true });
    expect(errors![0]!.extensions!['retryAfterMs']).toBeGreaterThan(0);
    expect(text).not.toMatch(/group:7|members:7|@Locked|GroupsResolver\./);
    expect([running.section.calls, running.logs.texts('error'), lease.state]).toEqual([0, [], 'held']);
  });

  it('tells which value was left out, and nothing of our source', async () => {
    await using running = await start();
    const { errors, text } = await running.ask('mutation { give(input: { id: "7" }) }');
    expect(errors![0]).toMatchObject({
      message: 'input.owner is missing or has no usable value',
      extensions: { code: 'LOCK_TEMPLATE_UNRESOLVED', retryable: false },
    });
    expect(text).not.toMatch(/@Locked|owner:</);
  });

  it('that lost its lock says so, and the log says more', async () => {
    await using running = await start();
    const asked = running.ask('{ group(id: "7") { id } }');
    await until(async () => (await running.locks.inspect('group:7')).held, 'it is held');
    await running.locks.forceRelease('group:7', 'a test');
    const { errors } = await asked;
    expect(errors![0]!.extensions).toMatchObject({ code: 'LOCK_LOST', retryable: false });
    expect(running.logs.texts('error').join()).toContain('lock "group:7" was lost');
  });

  it('does not run for a client that left while it waited', async () => {
    await using running = await start();
    const lease = await running.locks.acquire('group:7');
    const leaving = new AbortController();
    const left = running.ask('{ group(id: "7") { id } }', leaving.signal).catch((error: Error) => error.name);
    await waiting(running.locks, 'group:7', 1);
    leaving.abort();
    await waiting(running.locks, 'group:7', 0);
    await lease.release();
    await running.locks.using('group:7', () => undefined);
    expect([await left, running.section.calls]).toEqual(['AbortError', 0]);
  });
}

function subscriptionStory(start: Start): void {
  it('holds its lock until the client leaves it', async () => {
    await using running = await start();
    const client = await subscriber(running);
    client.subscribe('a', 'subscription { ticks(id: "7") }');
    await client.message((message) => message.type === 'next');
    expect(running.locks.held().map(({ name }) => name)).toEqual(['ticks:7']);
    client.complete('a');
    await until(() => running.locks.held().length === 0, 'the lock is given back');
    expect(running.section.names).toEqual(['left 7 1']);
    client.close();
  });

  it('holds its lock until the connection of the client ends', async () => {
    await using running = await start();
    const client = await subscriber(running);
    client.subscribe('a', 'subscription { ticks(id: "7") }');
    await client.message((message) => message.type === 'next');
    client.close();
    await until(() => running.locks.held().length === 0, 'the lock is given back');
    expect(running.section.names).toEqual(['left 7 1']);
  });

  it('that is busy shows no name', async () => {
    await using running = await start();
    await using lease = await running.locks.acquire('ticks:7');
    const client = await subscriber(running);
    client.subscribe('a', 'subscription { ticksNow(id: "7") }');
    await until(() => client.heard.length > 1 || client.closed(), 'something is said');
    expect(client.heard.join('\n') + client.reason()).toContain('another request is working on this now');
    expect(client.heard.join('\n') + client.reason()).not.toContain('ticks:7');
    expect(lease.state).toBe('held');
    client.close();
  });

  it.each(['leaves it', 'ends its connection'])(
    'does not begin when the client %s before its turn',
    async (how) => {
      await using running = await start();
      const lease = await running.locks.acquire('ticks:7');
      const client = await subscriber(running);
      client.subscribe('a', 'subscription { ticks(id: "7") }');
      await waiting(running.locks, 'ticks:7', 1);
      if (how === 'leaves it') client.complete('a');
      else client.close();
      await waiting(running.locks, 'ticks:7', 0);
      await lease.release();
      await running.locks.using('ticks:7', () => undefined);
      expect(running.section.names).toEqual([]);
      client.close();
    },
  );
}

/** Speaks graphql-transport-ws. */
async function subscriber({ url }: RunningApp) {
  const protocol = 'graphql-transport-ws';
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocol);
  const heard: string[] = [];
  let reason = '';
  socket.on('message', (text: Buffer) => heard.push(text.toString()));
  socket.on('close', (_code, text: Buffer) => (reason = `closed ${text.toString()}`));
  await once(socket, 'open');
  const send = (message: object) => socket.send(JSON.stringify(message));
  send({ type: 'connection_init' });
  const message = (matches: (message: { type: string }) => boolean) =>
    until(
      () => heard.some((text) => matches(JSON.parse(text) as { type: string })),
      `a message; there are ${heard.join()}`,
    );
  await message(({ type }) => type === 'connection_ack');
  return {
    heard,
    message,
    reason: () => reason,
    closed: () => reason !== '',
    subscribe: (id: string, query: string) => send({ id, type: 'subscribe', payload: { query } }),
    complete: (id: string) => send({ id, type: 'complete' }),
    close: () => socket.terminate(),
  };
}
