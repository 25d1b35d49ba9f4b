import type { SeededRandom } from './seeded-random.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { ServerCommand, ServerReply, ServerSession, SimulatedServer } from './simulated-server.js';
import type { VirtualWorld } from './virtual-world.js';

/** What may happen to messages between one process and the server now; each a probability per message. */
export interface Weather {
  /** The request is lost and the connection with it. */
  dropRequest: number;
  /** Executed, but the reply is lost and the connection with it. */
  dropReply: number;
  /** The connection lives, but one reply is eaten: each later one would be taken for the wrong call. */
  swallowReply: number;
  /** Executed twice. */
  duplicate: number;
  /** The connection breaks, and the request is executed later all the same: behind what the next connection brings. */
  reorder: number;
  /** The message takes long, up to {@link delayMs}. */
  delay: number;
  delayMs: number;
  /** A pushed message is lost and nothing else. */
  losePush: number;
  /** Nothing passes until then (virtual time). */
  blackHoleUntilMs: number;
}

export const FAIR_WEATHER: Weather = {
  dropRequest: 0,
  dropReply: 0,
  swallowReply: 0,
  duplicate: 0,
  reorder: 0,
  delay: 0,
  delayMs: 0,
  losePush: 0,
  blackHoleUntilMs: 0,
};

/** How often the same is sent within so long is looked at: see schedule.ts. */
const RUSH_MS = 100;
const FASTEST_MS = 0.2;
const SLOWEST_MS = 3;
const LONGEST_DETOUR_MS = 3_000;

/** The client's end of one connection. */
export interface ConnectionUser {
  opened(): void;
  failed(): void;
  replied(reply: ServerReply): void;
  pushed(channel: string, message: string): void;
  closed(): void;
}

/** One TCP connection. In each direction messages arrive in the order in which they were sent, or not at all. */
export class SimulatedConnection implements ServerSession {
  readonly channels = new Set<string>();
  /** Nobody has been told, but nothing passes any more. */
  #halfOpen = false;
  #clientOpen = true;
  #serverOpen = false;
  #toServerMs = 0;
  #toClientMs = 0;

  constructor(
    private readonly network: SimulatedNetwork,
    private readonly process: SimulatedProcess,
    private readonly user: ConnectionUser,
  ) {
    const arriveMs = this.#arrival('toServer');
    network.world.at(arriveMs, () => this.#accept());
  }

  /** Written to the socket. */
  send(command: ServerCommand): void {
    if (!this.#clientOpen) return;
    this.network.count(command);
    const { random, server } = this.network;
    const weather = this.network.weatherOf(this.process);
    const execute = () => {
      if (this.#serverOpen) server.receive(this, command);
    };
    if (random.chance(weather.dropRequest)) {
      this.#break();
    } else if (random.chance(weather.reorder)) {
      const stray = strayOf(this);
      const detourMs = random.between(SLOWEST_MS, LONGEST_DETOUR_MS);
      this.network.world.after(detourMs, () => server.receive(stray, command));
      this.#break();
    } else if (!this.#halfOpen) {
      const arriveMs = this.#arrival('toServer');
      this.network.world.at(arriveMs, execute);
      if (random.chance(weather.duplicate) && command.script !== undefined) {
        this.network.world.at(arriveMs, () => {
          if (this.#serverOpen) server.receive(strayOf(this), command);
        });
      }
    }
  }

  /** The client's own FIN. The server notices when it arrives. */
  end(): void {
    this.network.world.at(this.#arrival('toServer'), () => this.#closeAtServer());
  }

  /** The client forgets the socket at once. */
  destroy(): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.end();
  }

  /** RST from both sides: the server stops or kills the client, a firewall cuts. */
  cut(): void {
    this.#closeAtServer();
  }

  /** Of one that listens: its server is a replica from now on. It hears what is published at the primary, where nobody counts it. */
  strand(): void {
    if (this.channels.size > 0 && this.network.server.sessions.delete(this))
      this.network.server.elsewhere.add(this);
  }

  /** The machine at the client's end is gone without a word. */
  abandon(): void {
    this.#halfOpen = true;
  }

  reply(reply: ServerReply): void {
    const { random } = this.network;
    const weather = this.network.weatherOf(this.process);
    if (random.chance(weather.dropReply)) this.#break();
    else if (!random.chance(weather.swallowReply)) this.#deliver(() => this.user.replied(reply));
  }

  push(channel: string, message: string): void {
    if (this.network.random.chance(this.network.weatherOf(this.process).losePush)) return;
    this.#deliver(() => this.user.pushed(channel, message));
  }

  #accept(): void {
    if (this.#halfOpen || !this.#clientOpen) return;
    if (this.network.server.down) {
      this.#clientOpen = false;
      this.process.soon(() => this.user.failed());
      return;
    }
    this.#serverOpen = true;
    this.network.server.sessions.add(this);
    this.network.connections.add(this);
    this.#deliver(() => this.user.opened());
  }

  #deliver(action: () => void): void {
    if (this.#halfOpen) return;
    this.network.world.at(
      this.#arrival('toClient'),
      () => {
        if (this.#clientOpen && !this.#halfOpen) action();
      },
      { actor: this.process },
    );
  }

  /** The server's end closes; what it had sent arrives before that. */
  #closeAtServer(): void {
    this.#serverOpen = false;
    this.network.server.sessions.delete(this);
    this.network.server.elsewhere.delete(this);
    this.network.connections.delete(this);
    this.channels.clear();
    this.#deliver(() => {
      this.#clientOpen = false;
      this.user.closed();
    });
  }

  /** Either both ends learn of it soon, or neither does. */
  #break(): void {
    if (this.network.random.chance(0.6)) this.cut();
    else {
      this.#halfOpen = true;
      this.network.world.after(this.network.random.between(1_000, 20_000), () => this.#closeAtServer());
    }
  }

  #arrival(direction: 'toServer' | 'toClient'): number {
    const { random, world } = this.network;
    const weather = this.network.weatherOf(this.process);
    const sentMs = direction === 'toServer' ? this.process.nowMs : world.nowMs;
    let arriveMs = Math.max(sentMs, weather.blackHoleUntilMs) + random.between(FASTEST_MS, SLOWEST_MS);
    if (random.chance(weather.delay)) arriveMs += random.between(0, weather.delayMs);
    if (direction === 'toServer') return (this.#toServerMs = Math.max(arriveMs, this.#toServerMs));
    return (this.#toClientMs = Math.max(arriveMs, this.#toClientMs));
  }
}

/** A request whose reply nobody will read. */
function strayOf(connection: SimulatedConnection): ServerSession {
  return { channels: connection.channels, reply: () => undefined, push: () => undefined };
}

export class SimulatedNetwork {
  /** Those that the server knows. */
  readonly connections = new Set<SimulatedConnection>();
  readonly #weather = new Map<SimulatedProcess, Weather>();

  constructor(
    readonly world: VirtualWorld,
    readonly server: SimulatedServer,
    readonly random: SeededRandom,
  ) {}

  /** Set its fields to change it. */
  weatherOf(process: SimulatedProcess): Weather {
    let weather = this.#weather.get(process);
    if (weather === undefined) {
      weather = { ...FAIR_WEATHER };
      this.#weather.set(process, weather);
    }
    return weather;
  }

  /** Of all requests, the one that was sent most often within {@link RUSH_MS} with the same bytes. */
  busiest = { times: 0, bytes: '' };
  readonly #sent = new Map<string, { sinceMs: number; times: number }>();

  count({ script }: ServerCommand): void {
    if (script === undefined) return;
    const { nowMs } = this.world;
    const bytes = [...script.keys, ...script.args.slice(1)].join(' '); // without the nonce
    let recent = this.#sent.get(bytes);
    if (recent === undefined || nowMs > recent.sinceMs + RUSH_MS) {
      recent = { sinceMs: nowMs, times: 0 };
      this.#sent.set(bytes, recent);
    }
    recent.times += 1;
    if (recent.times > this.busiest.times) this.busiest = { times: recent.times, bytes };
  }

  connect(process: SimulatedProcess, user: ConnectionUser): SimulatedConnection {
    return new SimulatedConnection(this, process, user);
  }
}
