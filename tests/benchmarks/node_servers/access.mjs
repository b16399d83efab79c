// Who asks and what he may, as an application on Node would find out: by the tokens, roles and policies of a Parley.
//
// The same: the signature (EdDSA, by the keys that a running Parley publishes), `typ`, issuer, audience and times;
// tokens that were verified are remembered by digest, and only their end is looked at again. Accounts, roles with all
// that they inherit, and policies come from the same collections, and are kept until the log of changes, which is read
// once a second, has something new. A denial outweighs all permits, and where nothing permits, the answer is no. A
// decision is taken once for an action and a conversation in each request.
//
// Less, so not to be copied: nothing is ever revoked; conditions are those of the demo, written here by hand (any
// other one stops the start) instead of compiled; roles that are held at times only, other strategies for conflicts and
// shadow policies are left out, and no decision is written to a log.

import { createHash } from 'node:crypto';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { ObjectId } from 'mongodb';

const REMEMBERED = 10_000;
const FRESH_MS = 1_000;
const CHUNK = 64;
const DECIDED = ['conversation', 'message'];

const owns = (user, conversation) => conversation.owner_id.equals(user.id);
const cleared = (user, { attributes }) => user.attributes.clearance >= attributes.clearance_required;
const nearby = (user, { attributes }) =>
  attributes.region !== undefined && attributes.region === user.attributes.region;
const shared = (user, conversation, accesses) =>
  (conversation.shares ?? []).some(
    ({ grantee, access, until }) => user.grantees.has(grantee) && accesses.includes(access) && until > new Date(),
  );

const CONDITIONS = {
  'resource.owner_id == user.id': owns,
  'user.clearance >= resource.clearance_required': cleared,
  'resource.region == user.region && user.clearance >= resource.clearance_required': (user, conversation) =>
    nearby(user, conversation) && cleared(user, conversation),
  'shared("read")': (user, conversation) => shared(user, conversation, ['read', 'write']),
  'shared("write")': (user, conversation) => shared(user, conversation, ['write']),
};

export class Unauthenticated extends Error {
  statusCode = 401;
}

export class Denied extends Error {
  statusCode = 403;
}

/** Tokens to callers. */
export class Access {
  #keys;
  #claims;
  #verified = new Map();
  #rules;

  constructor(db, { jwks, issuer, audience }) {
    this.#keys = createRemoteJWKSet(new URL(jwks));
    this.#claims = { issuer, audience, typ: 'at+jwt', algorithms: ['EdDSA'], clockTolerance: 5 };
    this.#rules = new Rules(db);
  }

  /** Know the keys and the rules, before anybody asks. */
  async start() {
    await this.#keys.reload();
    await this.#rules.start();
    return this;
  }

  /** Who sends a request with this `Authorization`; nobody may do anything. */
  async caller(authorization) {
    const [scheme, token] = (authorization ?? '').split(' ');
    if (scheme.toLowerCase() !== 'bearer' || !token) throw new Unauthenticated('no bearer token');
    const { sub } = await this.#verify(token);
    const user = await this.#rules.user(sub);
    if (user === null) throw new Unauthenticated('no such account');
    return new Caller(user);
  }

  async #verify(token) {
    const digest = createHash('sha256').update(token).digest('base64');
    const known = this.#verified.get(digest);
    if (known !== undefined && known.exp > Date.now() / 1000) return known;
    const { payload } = await jwtVerify(token, this.#keys, this.#claims).catch((error) => {
      throw new Unauthenticated(error.message);
    });
    this.#verified.set(digest, payload);
    if (this.#verified.size > REMEMBERED) this.#verified.delete(this.#verified.keys().next().value);
    return payload;
  }
}

/** Roles, policies, and the accounts that they are for: kept until the log of changes has something new. */
class Rules {
  #db;
  #revision = 0;
  #freshUntil = 0;
  #freshening = null;
  #roles = new Map();
  #policies = [];
  #users = new Map();

  constructor(db) {
    this.#db = db;
  }

  async start() {
    const [newest] = await this.#db.collection('permission_changes').find().sort({ _id: -1 }).limit(1).toArray();
    this.#revision = newest?._id ?? 0;
    await this.#load();
  }

  /** An account with its rules; null where it can't be used. Changes count within a second. */
  async user(id) {
    if (this.#freshUntil <= Date.now()) {
      this.#freshening ??= this.#freshen().finally(() => (this.#freshening = null)); // once, whoever waits for it
      await this.#freshening;
    }
    let user = this.#users.get(id);
    if (user === undefined) {
      user = await this.#read(new ObjectId(id));
      this.#users.set(id, user);
    }
    return user;
  }

  async #freshen() {
    const until = Date.now() + FRESH_MS;
    const next = Array.from({ length: CHUNK }, (_, step) => this.#revision + 1 + step);
    const changes = await this.#db.collection('permission_changes').find({ _id: { $in: next } }).toArray();
    if (changes.length > 0) {
      this.#revision += changes.length;
      await this.#load();
    }
    this.#freshUntil = changes.length < CHUNK ? until : 0;
  }

  async #load() {
    const [roles, policies] = await Promise.all([
      this.#db.collection('roles').find().toArray(),
      this.#db.collection('policies').find({ mode: 'enforce' }).toArray(),
    ]);
    this.#roles = new Map(
      roles.map((role) => [role._id, { inherits: role.inherits, rules: role.grants.flatMap(ruleOf) }]),
    );
    this.#policies = policies.flatMap(({ effect, actions, when, unless }) => {
      if (unless) throw new Error(`a condition that is not known here: unless ${unless}`);
      return actions.flatMap((action) => ruleOf({ effect, action, condition: when }));
    });
    this.#users.clear();
  }

  async #read(id) {
    const [stored, held] = await Promise.all([
      this.#db.collection('users').findOne({ _id: id }),
      this.#db.collection('role_assignments').find({ user_id: id, ended_at: null }).toArray(),
    ]);
    if (stored === null || stored.disabled) return null;
    if (held.some(limited)) throw new Error('assignments that hold at times only are not known here');
    const roles = held.map((each) => each.role);
    const grantees = new Set([`user:${id}`, ...roles.map((role) => `role:${role}`)]);
    const told = [...inherited(roles, this.#roles)].flatMap((role) => this.#roles.get(role).rules);
    const rules = [...this.#policies, ...told];
    return { id, attributes: stored.attributes ?? {}, grantees, rules, byAction: new Map() };
  }
}

/** Somebody, for the length of a request. */
export class Caller {
  #user;
  #decided = new Map();

  constructor(user) {
    this.#user = user;
  }

  get id() {
    return this.#user.id;
  }

  may(action, conversation) {
    const key = `${action} ${conversation._id}`;
    let decision = this.#decided.get(key);
    if (decision === undefined) {
      decision = decide(this.#user, action, conversation);
      this.#decided.set(key, decision);
    }
    return decision;
  }

  require(action, conversation) {
    if (!this.may(action, conversation)) throw new Denied(action);
  }
}

function decide(user, action, conversation) {
  let rules = user.byAction.get(action);
  if (rules === undefined) {
    rules = user.rules.filter((rule) => rule.actions.test(action));
    user.byAction.set(action, rules);
  }
  const matched = rules.filter((rule) => rule.applies(user, conversation));
  return matched.length > 0 && !matched.some((rule) => rule.denies);
}

function ruleOf({ effect, action, condition }) {
  const [type, verb] = action.split(':');
  if (type !== '*' && !DECIDED.includes(type)) return [];
  if (condition && !(condition in CONDITIONS)) throw new Error(`a condition that is not known here: ${condition}`);
  const actions = new RegExp(`^${type === '*' ? '.*' : `${type}:${verb === '*' ? '.*' : verb}`}$`);
  return [{ denies: effect === 'deny', actions, applies: condition ? CONDITIONS[condition] : () => true }];
}

function inherited(names, roles, found = new Set()) {
  for (const name of names) {
    if (roles.has(name) && !found.has(name)) inherited(roles.get(name).inherits, roles, found.add(name));
  }
  return found;
}

const limited = ({ valid_from: from, valid_until: until, window }) => Boolean(from || until || window);
