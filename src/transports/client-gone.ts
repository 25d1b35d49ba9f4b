import { HttpException } from '@nestjs/common';
import { recogniseCopies } from '../../lib/index.js';

/** nginx's number for it. Nothing is sent, since nobody is there; interceptors and metrics around ours see it. */
const CLIENT_CLOSED_REQUEST = 499;

/** The client went away before its turn came; the handler did not run. */
export class ClientGoneError extends HttpException {
  constructor() {
    super('the client closed the request while it waited for a lock', CLIENT_CLOSED_REQUEST);
  }
}
recogniseCopies(ClientGoneError, 'ClientGoneError');
