import { Injectable } from '@nestjs/common';
import { CurrentLease, type Lease, Locked, lockName } from 'nestjs-distributed-lock';
import { randomUUID } from 'node:crypto';
import { GroupsService } from '../groups/groups.service.js';
import { Problem } from '../http/problem.js';
import { State } from '../state/state.js';
import { type Acknowledged, Message, type SendMessage } from './messages.dto.js';

const SENT = 'messages';

/**
 * Messages are stored once, however often and wherever a client sends them: look whether it is there, else store it. Between the
 * two steps another process may do the same, so they run under a lock.
 *
 * Here the lock stands on the service: whoever sends a message, through a route or otherwise, is covered.
 */
@Injectable()
export class MessagesService {
  constructor(
    private readonly state: State,
    private readonly groups: GroupsService,
  ) {}

  @Locked('message:<0.senderId>:<0.clientMessageId>')
  send(message: SendMessage, @CurrentLease() lease?: Lease): Promise<Message> {
    return this.store(message, lease?.fencingToken);
  }

  /** What waits for a user, oldest first. It keeps waiting until it is acknowledged. */
  async pull(userId: string): Promise<Message[]> {
    const messages = await this.state.list<Message>(inboxOf(userId));
    return messages.toSorted(
      (a, b) => a.sentAt.localeCompare(b.sentAt) || a.messageId.localeCompare(b.messageId),
    );
  }

  /** Two devices of a user may acknowledge at once: each message is counted for one of them only. */
  @Locked('inbox:<userId>')
  acknowledge(
    userId: string,
    messageIds: readonly string[],
    @CurrentLease() lease?: Lease,
  ): Promise<Acknowledged> {
    return this.clear(userId, messageIds, lease?.fencingToken);
  }

  protected async store(message: SendMessage, fencingToken?: number): Promise<Message> {
    const { senderId, clientMessageId } = message;
    const id = `${senderId}/${clientMessageId}`;
    const known = await this.state.read<Message>(SENT, id);
    if (known !== undefined) return sameMessage(known, message);

    const recipients = await this.recipients(message);
    const sentAt = new Date().toISOString();
    const stored = Object.assign(new Message(), message, { messageId: randomUUID(), sentAt });
    const inboxes = recipients.map((userId) => ({
      table: inboxOf(userId),
      id: stored.messageId,
      value: stored,
    }));
    const rows = [{ table: SENT, id, value: stored }, ...inboxes];
    await this.state.write({
      resource: lockName`message:${senderId}:${clientMessageId}`,
      fencingToken,
      rows,
    });
    return stored;
  }

  protected async clear(
    userId: string,
    messageIds: readonly string[],
    fencingToken?: number,
  ): Promise<Acknowledged> {
    const waiting = new Set((await this.pull(userId)).map((message) => message.messageId));
    const acknowledged = [...new Set(messageIds)].filter((messageId) => waiting.has(messageId));
    const rows = acknowledged.map((id) => ({ table: inboxOf(userId), id, value: null }));
    await this.state.write({ resource: lockName`inbox:${userId}`, fencingToken, rows });
    return { acknowledged, waiting: waiting.size - acknowledged.length };
  }

  private async recipients({ senderId, toUserId, toGroupId }: SendMessage): Promise<string[]> {
    if (toUserId !== undefined && toGroupId === undefined) return [toUserId];
    if (toGroupId === undefined || toUserId !== undefined) {
      throw new Problem(400, 'REQUEST_INVALID', 'give either toUserId or toGroupId');
    }
    const { members } = await this.groups.find(toGroupId);
    if (!members.includes(senderId)) {
      throw new Problem(403, 'NOT_A_MEMBER', `${senderId} is not a member of group ${toGroupId}`);
    }
    return members.filter((member) => member !== senderId);
  }
}

function inboxOf(userId: string): string {
  return `inbox/${userId}`;
}

/** The answer to a repeated send; the same id with another content is a mistake of the client that it should hear of. */
function sameMessage(known: Message, sent: SendMessage): Message {
  const same =
    known.text === sent.text && known.toUserId === sent.toUserId && known.toGroupId === sent.toGroupId;
  if (same) return known;
  throw new Problem(
    409,
    'CLIENT_MESSAGE_ID_REUSED',
    `"${sent.clientMessageId}" was used for another message before`,
  );
}
