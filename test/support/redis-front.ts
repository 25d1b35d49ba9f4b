import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './ports.js';

/** What happens to one command on its way to the server. */
export type Fate =
  /** It goes through. */
  | 'pass'
  /** Its connection is reset. */
  | 'cut'
  /** It is executed, but from here on the client hears nothing. */
  | 'mute'
  /** The server meets a command that it does not know in its place, so that the refusal comes in order. */
  | 'unknown';

/**
 * An address of a Redis server: what a client connects to, and where that leads. It can lead to another server from now on without
 * closing a connection, as the address of a managed service does in a fail-over; and it understands enough of the protocol to let one
 * command meet its fate.
 */
export class RedisFront {
  /** The port of the server to which new connections lead. */
  target: number;
  /** Asked for each command: its words, and how many commands came before it on this connection. */
  fate: (words: readonly string[], before: number) => Fate = () => 'pass';
  /** Where a connection leads, by its number among all, from 0; undefined: to `target`. */
  route: (connection: number) => number | undefined = () => undefined;
  /** What a client hears in place of these bytes; undefined: nothing. */
  reply: (bytes: Buffer) => Buffer | undefined = (bytes) => bytes;
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connections = 0;

  private constructor(port: number, target: number) {
    this.port = port;
    this.target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async listen(target: number): Promise<RedisFront> {
    const front = new RedisFront(await freePort(), target);
    front.#server.listen(front.port, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #accept(client: Socket): void {
    const number = this.#connections++;
    const upstream = this.#keep(connect(this.route(number) ?? this.target, '127.0.0.1'));
    let [isMute, count] = [false, 0];
    let rest: Buffer = Buffer.alloc(0);
    this.#keep(client);
    upstream.on('data', (bytes: Buffer) => {
      const heard = isMute ? undefined : this.reply(bytes);
      if (heard !== undefined) client.write(heard);
    });
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
    client.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      for (let next = readCommand(rest); next !== undefined; next = readCommand(rest)) {
        const fate = this.fate(next.words, count++);
        const command = rest.subarray(0, next.length);
        rest = rest.subarray(next.length);
        if (fate === 'cut') {
          client.resetAndDestroy();
          upstream.destroy();
          return;
        }
        if (fate === 'mute') isMute = true;
        upstream.write(fate === 'unknown' ? '*1\r\n$7\r\nUNKNOWN\r\n' : command);
      }
    });
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  }
}

/** The first command in these bytes, an array of bulk strings; undefined: not all of it is there. */
function readCommand(bytes: Buffer): { words: string[]; length: number } | undefined {
  const words: string[] = [];
  let at = 0;
  const line = (): number | undefined => {
    const end = bytes.indexOf('\r\n', at);
    if (end === -1) return undefined;
    const number = Number(bytes.toString('latin1', at + 1, end));
    at = end + 2;
    return number;
  };
  const count = line();
  if (count === undefined) return undefined;
  for (let i = 0; i < count; i++) {
    const length = line();
    if (length === undefined || bytes.length < at + length + 2) return undefined;
    words.push(bytes.toString('utf8', at, at + length));
    at += length + 2;
  }
  return { words, length: at };
}
