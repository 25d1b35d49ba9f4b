import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Below the range that systems give to outgoing connections, so that nobody takes it before its server does, or between kill and restart. */
export function randomPort(): number {
  return 10_000 + Math.floor(Math.random() * 20_000);
}

/** One of 127.0.0.1 that nobody listens on, for a server in another process. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomPort();
    if (await canListen(port)) return port;
  }
}

function canListen(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Does somebody listen there by now? */
export async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
