export declare const GENERATED_SQL: URL;
export declare function generateSql(folder?: URL): string;
