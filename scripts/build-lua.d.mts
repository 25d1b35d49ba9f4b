export declare const GENERATED_FILE: URL;
export declare function generateScripts(folder?: URL): string;
