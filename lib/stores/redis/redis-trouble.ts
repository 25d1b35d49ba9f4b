import { LockStoreError, redactPasswords } from '../../lock-errors.js';
import type { RedisClient } from './redis-client.js';
import { isReply, isSelfTalk, storeError } from './redis-errors.js';

/** What was met, and what to do about it. */
interface Diagnosis {
  readonly advice: string;
  /** Trying again cannot help: somebody must change something. */
  readonly isFinal?: true;
}

interface Meeting {
  /** The code and the message of the last error; '' when none was heard. */
  readonly text: string;
  readonly usesTls: boolean;
  readonly usesSocketFile: boolean;
  /** Was the connection made, with TLS if it is to have that, and then came to nothing? */
  readonly wasConnected: boolean;
  /** By the other side, without a word. */
  readonly wasClosed: boolean;
}

const NOT_TLS = 'does this port speak TLS? For one that does not, write redis://';
const WANTS_TLS = 'does this port want TLS? Then write rediss://';

/** The byte with which a TLS server begins what it answers to a greeting without TLS. */
const ALERT = String.fromCharCode(21);

/** The first that fits. Measured against Redis, TLS fronts, web servers and silence, with ioredis 5 and 6. */
const DIAGNOSES: readonly (readonly [fits: (met: Meeting) => boolean, diagnosis: Diagnosis])[] = [
  [says(/ECONNREFUSED/), { advice: 'is it running, and is the address right?' }],
  [says(/ENOTFOUND/), { advice: 'this host name is not known; is it right?' }],
  [says(/EAI_AGAIN/), { advice: 'the name service does not answer' }],
  [says(/ENOENT/), { advice: 'there is no such socket; is the server running, with this `unixsocket`?' }],
  [
    ({ text, usesSocketFile }) => usesSocketFile && /EACCES|EPERM/.test(text),
    { advice: 'this process may not open the socket; see `unixsocketperm` of the server', isFinal: true },
  ],
  [
    says(
      /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|HOSTNAME_MISMATCH|PATH_LENGTH_EXCEEDED|INVALID_(CA|PURPOSE)/,
    ),
    {
      advice:
        "the server's certificate is not accepted; give its CA with `options: { tls: { ca } }`, connect by a name that it holds, or renew it",
      isFinal: true,
    },
  ],
  [
    says(/WRONG_VERSION_NUMBER|wrong version number|PACKET_LENGTH_TOO_LONG|packet length too long/),
    { advice: 'this port does not speak TLS; write redis://, or its TLS port', isFinal: true },
  ],
  [
    says(/ERR_SSL_\w*(ALERT|PROTOCOL|CIPHER|HANDSHAKE)/),
    { advice: 'server and client cannot agree on TLS; see `options: { tls }`', isFinal: true },
  ],
  [says(/ERR_SSL_|EPROTO/), { advice: 'TLS could not be set up' }],
  [
    ({ text }) =>
      text.includes('Unknown RESP type 21 ') ||
      text.includes(`got "${ALERT}"`) ||
      text.includes('got "\\u0015"'),
    { advice: 'this port speaks TLS; write rediss://', isFinal: true },
  ],
  [
    says(/Unknown RESP type|Protocol error, got/),
    { advice: 'what answers there is no Redis server; is the port right?', isFinal: true },
  ],
  [({ usesTls, wasConnected }) => usesTls && !wasConnected, { advice: `TLS was not set up; ${NOT_TLS}` }],
  [
    ({ text, wasConnected, wasClosed }) =>
      wasConnected && (/no reply to anything/.test(text) || (text === '' && !wasClosed)),
    { advice: 'it accepts connections and does not answer; is it a Redis server, and not stopped?' },
  ],
  [
    ({ text, wasConnected }) => wasConnected && (text === '' || /ECONNRESET|EPIPE/.test(text)),
    { advice: `it closes the connection before it has answered; ${WANTS_TLS}` },
  ],
  [
    ({ text }) => text === '',
    { advice: 'nothing came back; is the address right, and no firewall between?' },
  ],
];

function says(pattern: RegExp): (met: Meeting) => boolean {
  return ({ text }) => pattern.test(text);
}

/** Watches a connection being made, to say why it is not, in words for who must mend it. */
export class ConnectionTrouble {
  #lastError: unknown;
  #wasConnected = false;
  #wasClosed = false;

  /** @param onFinal something was met that trying again cannot help */
  constructor(
    private readonly client: RedisClient,
    private readonly address: string,
    onFinal: () => void,
  ) {
    client.on('connect', () => (this.#wasConnected = true));
    client.on('close', () => (this.#wasClosed ||= this.#wasConnected));
    client.on('ready', () => {
      this.#wasConnected = false;
      this.#wasClosed = false;
      this.#lastError = undefined;
    });
    // Without a listener ioredis prints each failed attempt to connect.
    client.on('error', (error) => {
      if (isSelfTalk(textOf(error))) return; // it says so afterwards, and not about the server
      this.#lastError = error;
      if (!this.error().retryable) onFinal();
    });
  }

  /** Why it cannot be reached. */
  error(): LockStoreError {
    const place = `Redis at ${this.address}`;
    const error = this.#lastError;
    if (isReply(error)) return storeError(error, place);
    const { tls, path } = this.client.options ?? {};
    const { advice, isFinal } = diagnose({
      text: `${codeOf(error)} ${textOf(error)}`.trim(),
      usesTls: Boolean(tls),
      usesSocketFile: Boolean(path),
      wasConnected: this.#wasConnected,
      wasClosed: this.#wasClosed,
    });
    return new LockStoreError(
      isFinal === true ? 'LOCK_STORE_UNSUPPORTED' : 'LOCK_STORE_UNAVAILABLE',
      `${place} cannot be reached (${shown(error)}); ${advice}`,
      { cause: error },
    );
  }
}

function diagnose(met: Meeting): Diagnosis {
  const [, diagnosis] = DIAGNOSES.find(([fits]) => fits(met)) ?? [
    undefined,
    { advice: 'is the address right?' },
  ];
  return diagnosis;
}

/** OpenSSL names its own source files; of an error with many causes (one for each address of a host) the code says what all say. */
function shown(error: unknown): string {
  const code = codeOf(error);
  const text = textOf(error);
  if (code.startsWith('ERR_SSL_') || text === '') return code === '' ? 'no answer' : code;
  return redactPasswords(text);
}

function textOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : '';
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}
