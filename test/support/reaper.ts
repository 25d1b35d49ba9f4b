import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';

/**
 * Jest gives tests a copy of `process` whose 'exit' event never comes, and a worker may be killed outright. So a shell waits
 * on a pipe which only we hold open: when we are gone, however we went, it reads the end of it and kills the process `pid`,
 * frozen or not. Call the returned function before you end the process yourself: its pid may be given to another one.
 */
export function killWhenWeAreGone(pid: number): () => void {
  const reaper = spawn('sh', ['-c', 'read -r _; kill -9 "$0"', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // Ctrl-C must not end it before its time
  });
  unref(reaper);
  return () => void reaper.kill('SIGKILL');
}

/** Does not keep this process alive any more. Pipes are sockets underneath, which their types do not say. */
export function unref(child: ChildProcess): void {
  child.unref();
  for (const pipe of [child.stdin, child.stdout, child.stderr]) {
    if (pipe instanceof Socket) pipe.unref();
  }
}
