// Looks at schemas by GraphQL-ESLint's rules for Relay, and at the operations here by Relay's rules and GraphQL-ESLint's.
// Prints what there is against them, but for what is exempt; an exemption that exempts nothing is told, too.
// node lint.mjs SCHEMA…

import { ESLint } from 'eslint';
import babel from '@babel/eslint-parser';
import graphql from '@graphql-eslint/eslint-plugin';
import relay from 'eslint-plugin-relay';

const forRelay = Object.keys(graphql.configs['flat/schema-relay'].rules);
const rules = {
  ...Object.fromEntries(forRelay.map((rule) => [rule, 'error'])),
  // Relay's specification asks for arguments forwards, or backwards, or both; the rule's default is both.
  '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
  // The specification has no word against plain lists: those that are here are short by their nature, or have a limit.
  '@graphql-eslint/relay-edge-types': [
    'error', { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false },
  ],
};
// The specification has a node be any object. These can't be asked for by a global id:
const EXEMPT = {
  AccessHolderEdge: 'an answer to a question, which has no identity',
  AuditEventEdge: 'read in the order of the log, by who may read all of it',
  DeletedConversationEdge: '`node` gives nothing of what was deleted',
  PolicyEdge: 'known by its name',
  RevocationEdge: 'ends by itself, and is read with all the others',
  RoleEdge: 'known by its name: `role(name:)`',
  TrustedOperationEdge: 'known by the id or the hash of its document, which clients choose',
};

const schemas = process.argv.slice(2);
// The plugin reads one configuration a process: each schema is a project in it, and the first one has the operations.
const projects = Object.fromEntries(schemas.map((schema) => [schema, { schema }]));
projects[schemas[0]].documents = 'codegen/*.graphql';
const ofGraphQL = { graphQLConfig: { projects } };

function tell(of, what, found) {
  console.log(JSON.stringify({ of, what, holds: found.length === 0, found }));
}

function linted(files, parser, parserOptions, plugins, rules) {
  const overrideConfig = [{ files: [files], languageOptions: { parser, parserOptions }, plugins, rules }];
  return new ESLint({ overrideConfigFile: true, overrideConfig }).lintFiles([files]);
}

async function lintSchema(schema) {
  const [{ messages, source }] = await linted(schema, graphql.parser, ofGraphQL, { '@graphql-eslint': graphql }, rules);
  const lines = source.split('\n');
  const typeAt = (line) => lines.slice(0, line).findLast((text) => /^\w+ \w+/.test(text))?.split(' ')[1];

  const found = messages.map((each) => ({ ...each, type: typeAt(each.line) }));
  const exempt = found.filter(({ type, message }) => message.includes('must implement `Node`') && type in EXEMPT);
  const against = found.filter((each) => !exempt.includes(each));
  for (const rule of forRelay) {
    tell(schema, rule, against.filter(({ ruleId }) => ruleId === rule).map(({ type, message }) => `${type}: ${message}`));
  }
  const others = against.filter(({ ruleId }) => !forRelay.includes(ruleId)).map(({ message }) => message);
  const idle = Object.keys(EXEMPT).filter((type) => !exempt.some((each) => each.type === type));
  tell(schema, 'it is read, and each exemption is needed', [...others, ...idle]);
}

async function lintOperations() {
  const typescript = { requireConfigFile: false, babelOptions: { parserOpts: { plugins: ['typescript'] } } };
  const all = Object.fromEntries(Object.keys(relay.rules).map((rule) => [`relay/${rule}`, 'error']));
  const recommended = graphql.configs['flat/operations-recommended'].rules;
  const files = [
    ...await linted('relay/*.ts', babel, typescript, { relay }, all),
    ...await linted('codegen/*.graphql', graphql.parser, ofGraphQL, { '@graphql-eslint': graphql }, recommended),
  ];
  for (const { filePath, messages } of files) {
    tell('operations', filePath, messages.map(({ ruleId, line, message }) => `${line}: ${ruleId ?? 'parser'}: ${message}`));
  }
}

for (const schema of schemas) await lintSchema(schema);
await lintOperations();
