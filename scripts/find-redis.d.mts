export declare const REDIS_SERVER_NAMES: readonly string[];
export declare const HOW_TO_INSTALL_REDIS: string;
export declare function findRedisServer(env?: Readonly<Record<string, string | undefined>>): string | null;
