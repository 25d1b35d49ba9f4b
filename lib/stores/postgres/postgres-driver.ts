/**
 * What the store needs of a client for PostgreSQL. Built in is `pg`; with these few methods any other fits. Values go and come as text.
 */
export interface PostgresDriver {
  /** For messages: "pg". */
  readonly kind: string;
  /** For messages: host, port and database; never who the user is. */
  readonly address: string;
  /** Opens one connection. Rejects with what the server or the network says. */
  connect(wanted: PostgresWanted): Promise<PostgresConnection>;
}

/** What a connection must be like, and what it tells. */
export interface PostgresWanted {
  /** Settings of the session, by name; for the startup packet. Empty behind a pooler that takes none. */
  readonly settings: Readonly<Record<string, string>>;
  /** How long connecting may take, in ms. */
  readonly connectMs: number;
  /** A NOTIFY arrived. */
  onNotice(channel: string, payload: string): void;
  /** It is closed or broken; called once, also after a call of ours. */
  onEnd(): void;
}

export interface PostgresStatement {
  readonly text: string;
  readonly values?: readonly (string | null)[];
  /** To be prepared under this name, once for each connection; absent: not prepared. */
  readonly name?: string | undefined;
}

/** One connection; one statement at a time. */
export interface PostgresConnection {
  /**
   * The first column of the first row, as text; null when there is no row. Rejects with an error of the server (`severity`, and its SQLSTATE
   * as `code`), or with any other when no reply came.
   */
  query(statement: PostgresStatement): Promise<string | null>;
  /** Its socket, as far as it is known: how much it has read tells a connection that is dead and does not say so. */
  socket(): PostgresSocket | undefined;
  /** Says goodbye and closes. Never rejects. */
  end(): Promise<void>;
}

export interface PostgresSocket {
  readonly bytesRead?: number;
  destroy(error?: Error): unknown;
  /** Does it keep the process alive? */
  ref?(): unknown;
  unref?(): unknown;
}
