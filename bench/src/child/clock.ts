/**
 * Nanoseconds of the monotonic clock, which all processes of the machine share: times of different processes can be compared.
 * (The array form costs less than `hrtime.bigint`.)
 */
export function nowNs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e9 + nanoseconds;
}

export function nowMs(): number {
  return nowNs() / 1e6;
}
