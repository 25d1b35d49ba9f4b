import { describe, expect, it, jest } from '@jest/globals';
import { LockEventEmitter } from '../../lib/lock-events.js';

/** What would be printed for the operator. */
function catchWarnings(): string[] {
  const caught: string[] = [];
  const emit = (warning: string | Error, type?: unknown) =>
    void caught.push(`${String(type)}: ${String(warning)}`);
  jest.spyOn(process, 'emitWarning').mockImplementation(emit);
  return caught;
}

const ACQUIRED = { name: 'group:1', label: '', mode: 'exclusive' as const, fencingToken: 1, waitedMs: 0 };

describe('lock events', () => {
  it('reach every listener of their kind, in the order of registration, and no other', () => {
    const events = new LockEventEmitter();
    const heard: string[] = [];
    events.on('acquired', ({ name }) => heard.push(`first ${name}`));
    events.on('acquired', ({ name }) => heard.push(`second ${name}`));
    events.on('lost', () => heard.push('lost'));
    events.emit('acquired', ACQUIRED);
    expect(heard).toEqual(['first group:1', 'second group:1']);
  });

  it('stop when the function that «on» returned is called; twice is harmless', () => {
    const events = new LockEventEmitter();
    const listener = jest.fn();
    const stop = events.on('acquired', listener);
    expect(events.has('acquired')).toBe(true);
    stop();
    stop();
    events.emit('acquired', ACQUIRED);
    expect(listener).not.toHaveBeenCalled();
    expect(events.has('acquired')).toBe(false);
  });

  it('a listener that throws hurts neither the lock nor the listeners after it, and is reported', () => {
    const warned = catchWarnings();
    const events = new LockEventEmitter();
    const after = jest.fn();
    events.on('acquired', () => {
      throw new Error('bug in the metrics');
    });
    events.on('acquired', after);
    events.emit('acquired', ACQUIRED);
    expect(after).toHaveBeenCalledTimes(1);
    expect(warned).toEqual([
      expect.stringMatching(/^DistributedLockWarning: .*"acquired" threw.*bug in the metrics/),
    ]);
  });

  it('a listener that throws what cannot be shown, or later, or returns what throws when it is looked at, is reported too', async () => {
    const warned = catchWarnings();
    const events = new LockEventEmitter();
    events.on('acquired', () => {
      throw Object.create(null) as Error;
    });
    const rejecting = (() => Promise.reject(new Error('bug in the audit'))) as () => void;
    events.on('acquired', rejecting);
    const looked = new Proxy(
      {},
      {
        get: () => {
          throw new Error('bug in a mock');
        },
      },
    );
    events.on('acquired', () => looked);
    events.emit('acquired', ACQUIRED);
    await new Promise(setImmediate);
    expect(warned).toEqual([
      expect.stringContaining('threw: something that cannot be shown'),
      expect.stringContaining('threw: Error: bug in a mock'),
      expect.stringContaining('threw: Error: bug in the audit'),
    ]);
  });

  it('a warning nobody listens to goes to process.emitWarning; with a listener it does not', () => {
    const warned = catchWarnings();
    const events = new LockEventEmitter();
    events.emit('warning', { message: 'maxmemory-policy evicts locks' });
    expect(warned).toEqual(['DistributedLockWarning: maxmemory-policy evicts locks']);
    const listener = jest.fn();
    events.on('warning', listener);
    events.emit('warning', { message: 'again' });
    expect(listener).toHaveBeenCalledWith({ message: 'again' });
    expect(warned).toHaveLength(1);
  });

  it('an event of any other kind without a listener is nothing', () => {
    const warned = catchWarnings();
    new LockEventEmitter().emit('acquired', ACQUIRED);
    expect(warned).toEqual([]);
  });
});
