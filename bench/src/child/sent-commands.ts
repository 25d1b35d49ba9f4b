import { Socket } from 'node:net';
import RedisParser from 'redis-parser';

/**
 * Counts the commands that this process sends to Redis, at its sockets. (The server's own statistics count the commands inside
 * scripts as well.) A request is an array of strings, which any parser of replies can read. It costs about a microsecond per
 * command, so only scenarios that ask for a count have it.
 */
export class SentCommands {
  #count = 0;
  #counting = false;

  get count(): number {
    return this.#count;
  }

  /** From now on; before the first connection is made. */
  begin(): void {
    if (this.#counting) return;
    this.#counting = true;
    const parsers = new WeakMap<Socket, RedisParser>();
    const write = Reflect.get(Socket.prototype, 'write') as (...args: unknown[]) => boolean;
    const countIn = (socket: Socket, chunk: unknown, encoding: unknown): void => {
      let parser = parsers.get(socket);
      if (parser === undefined) {
        parser = new RedisParser({
          returnReply: () => void this.#count++,
          returnError: (error) => {
            throw error; // not Redis's protocol: a count would be wrong
          },
        });
        parsers.set(socket, parser);
      }
      const bytes =
        typeof chunk === 'string'
          ? Buffer.from(chunk, encoding as BufferEncoding)
          : Buffer.from(chunk as Uint8Array);
      parser.execute(bytes);
    };
    Socket.prototype.write = function (this: Socket, ...args: unknown[]): boolean {
      if (isTcp(this)) countIn(this, args[0], typeof args[1] === 'string' ? args[1] : 'utf8');
      return Reflect.apply(write, this, args);
    };
  }
}

/** Standard output and the like are sockets as well. */
function isTcp(socket: Socket): boolean {
  return socket.connecting || socket.remotePort !== undefined;
}
