export declare function packPackage(folder: string): Promise<string>;
export declare function unpackInto(tarball: string, folder: string): Promise<void>;
