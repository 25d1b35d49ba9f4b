import { HttpException } from '@nestjs/common';

/** RFC 9457. `code` is for programs and does not change; `detail` is for people. */
export interface ProblemBody {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly [extension: string]: unknown;
}

/** An answer that says why not: `throw new Problem(404, 'GROUP_UNKNOWN', 'there is no group g-1')`. */
export class Problem extends HttpException {
  constructor(status: number, code: string, detail: string) {
    super(problemBody(status, code, detail), status);
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  500: 'Internal Server Error',
};

export function problemBody(status: number, code: string, detail: string): ProblemBody {
  return { type: 'about:blank', title: TITLES[status] ?? 'Error', status, code, detail };
}
