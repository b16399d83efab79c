// Conversations and the ends of their branches, from Parley's collections, as written by hand in Python: where a page
// lies is remembered, and read anew together with what lies there. So a page takes two reads with its conversation's.
// Less: no subtrees that were removed, no branches shared by themselves, no more than 128 forks in each other.

import { ObjectId } from 'mongodb';

const MAIN = 'main';
const MOST = 100;
const ENTRY_BYTES = 16;
const REMEMBERED = 10_000;
const TAIL_FIELDS = { branch: 1, first_depth: 1, next_depth: 1, lineage: 1 };

export class Conversations {
  #paths = new Map();

  constructor(db) {
    this.conversations = db.collection('conversations');
    this.buckets = db.collection('buckets');
    this.readers = db.collection('readers');
  }

  async find(id) {
    const found = await this.conversations.findOne({ _id: new ObjectId(id) });
    return found === null || found.deleted ? null : found;
  }

  /** The end of the branch on which somebody left off, as a connection of messages. */
  async lastPage(conversation, userId, last) {
    const size = Math.min(Math.max(last, 1), MOST);
    const { places, messages } = await this.#page(conversation, await this.#chosen(conversation, userId), size);
    const start = Math.max(places.at(-1).depth + 1 - size, 0);
    const edges = edgesOf(conversation, places, messages).filter(({ node }) => node.depth >= start);
    const cursors = { startCursor: edges[0].node.id, endCursor: edges.at(-1).node.id };
    return { edges, pageInfo: { hasNextPage: false, hasPreviousPage: start > 0, ...cursors } };
  }

  async #chosen(conversation, userId) {
    if (conversation.owner_id.equals(userId)) return conversation.chosen_branch;
    const reader = await this.readers.findOne({ _id: `${conversation._id}:${userId}` });
    return reader?.chosen_branch ?? conversation.chosen_branch;
  }

  async #page(conversation, branch, size) {
    const key = `${conversation._id} ${branch} ${size}`;
    const known = this.#paths.get(key);
    if (known !== undefined) {
      const buckets = await this.#read(conversation, known);
      const length = known.at(-1).depth + 1;
      if (buckets.some(({ tail, next_depth: end }) => tail === branch && end === length)) {
        return { places: known, messages: byPlace(buckets) };
      }
    }
    const tail = await this.#tail(conversation, branch);
    const places = path(tail, Math.max(tail.next_depth - size - 1, 0));
    this.#paths.set(key, places);
    if (this.#paths.size > REMEMBERED) this.#paths.delete(this.#paths.keys().next().value);
    return { places, messages: byPlace(await this.#read(conversation, places)) };
  }

  async #tail(conversation, branch) {
    const ends = { conversation_id: conversation._id, tail: branch };
    const found = await this.buckets.find(ends, { projection: TAIL_FIELDS }).toArray();
    if (found.length === 0) throw new Error('there are no messages');
    return found.reduce((one, other) => (one.next_depth < other.next_depth ? other : one));
  }

  async #read(conversation, places) {
    const width = conversation.slot_width;
    const slots = [...new Set(places.map(({ branch, depth }) => `${branch}.${Math.floor(depth / width)}`))];
    const [start, stop] = [places[0].depth, places.at(-1).depth + 1];
    const within = { $and: [{ $gte: ['$$m.depth', start] }, { $lt: ['$$m.depth', stop] }] };
    const query = { conversation_id: conversation._id, slot: { $in: slots } };
    const messages = { $filter: { input: '$messages', as: 'm', cond: within } };
    const projection = { branch: 1, tail: 1, next_depth: 1, messages };
    return this.buckets.find(query, { projection, batchSize: 1000 }).toArray();
  }
}

function byPlace(buckets) {
  const found = new Map();
  for (const { branch, messages } of buckets) {
    for (const message of messages) found.set(`${branch}.${message.depth}`, message);
  }
  return found;
}

export function globalId(text) {
  return Buffer.from(text).toString('base64url');
}

export function conversationId(id) {
  const [kind, part] = Buffer.from(id, 'base64url').toString().split(':');
  return kind === 'Conversation' && ObjectId.isValid(part) ? part : null;
}

/** The depths from `start` to the end, each with the branch that holds it. */
function path({ branch, next_depth: stop, lineage }, start) {
  const segments = [...ancestors(lineage), own(branch, lineage)];
  if (start < segments[0].start) throw new Error('such deep lineages are not followed here');
  return segments.flatMap((segment, place) => {
    const end = segments[place + 1]?.start ?? stop;
    const first = Math.max(segment.start, start);
    return Array.from({ length: Math.max(end - first, 0) }, (_, step) => {
      const depth = first + step;
      return { branch: segment.branch, depth, begins: depth === segment.start, ordinal: segment.ordinal };
    });
  });
}

const own = (branch, lineage) => ({ branch, start: lineage?.start ?? 0, ordinal: lineage?.ordinal ?? 0 });

function ancestors(lineage) {
  const packed = lineage?.segments?.buffer ?? Buffer.alloc(0);
  return Array.from({ length: packed.length / ENTRY_BYTES }, (_, place) => {
    const entry = Buffer.from(packed).subarray(place * ENTRY_BYTES, (place + 1) * ENTRY_BYTES);
    const name = entry.subarray(0, 8);
    const branch = name.some((byte) => byte !== 0) ? name.toString('hex') : MAIN;
    return { branch, start: entry.readUInt32BE(8), ordinal: entry.readUInt32BE(12) };
  });
}

/** An edge for each place; each message tells how many alternatives the next one has. */
function edgesOf(conversation, places, messages) {
  const messageIds = `Message:${conversation._id}:`;
  let forks = conversation.root_forks ?? 0;
  return places.map(({ branch, depth, begins, ordinal }) => {
    const message = messages.get(`${branch}.${depth}`);
    const siblingIndex = begins && branch !== MAIN ? Math.max(ordinal, 1) : 0;
    const node = shown(conversation, globalId(`${messageIds}${branch}.${depth}`), message);
    node.siblingCount = Math.max(forks, siblingIndex) + 1;
    node.siblingIndex = siblingIndex;
    forks = message.forks ?? 0;
    return { node };
  });
}

/** A message with the schema's names, so that all fields but one need no resolver. */
function shown(conversation, id, message) {
  return {
    conversation,
    stored: message.metadata,
    id,
    depth: message.depth,
    role: message.role.toUpperCase(),
    content: message.deleted_at ? null : message.content,
    createdAt: message.created_at,
    status: (message.status ?? 'complete').toUpperCase(),
  };
}
