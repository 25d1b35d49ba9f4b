export declare const HOW_TO_INSTALL_POSTGRES: string;
export declare function findPostgresBin(env?: Record<string, string | undefined>): string | null;
export declare function postgresUser(passwd: string): { uid: number; gid: number } | null;
