// Takes the third-party files in `vendor/` and writes THIRD_PARTY.txt anew: `node take.mjs` (needs npm and tar).
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const vendor = join(here, "vendor");
const taken = {
  react: ["18.2.0", "umd/react.production.min.js"],
  "react-dom": ["18.2.0", "umd/react-dom.production.min.js"],
  graphiql: ["3.8.3", "graphiql.min.js", "graphiql.min.css"],
  "@graphiql/plugin-explorer": ["1.0.2", "dist/index.umd.js", "dist/style.css"],
  "graphql-ws": ["6.4.2", "umd/graphql-ws.min.js"],
};
// Only read for their licences, beside what the bundle itself names: parts of the two bundles, and the fonts.
const licencesOnly = [
  "@graphiql/react@0.28.2", "@graphiql/toolkit@0.11.0", "codemirror@5", "codemirror-graphql@2", "graphql@16",
  "graphiql-explorer@0.9.0", "@fontsource/roboto@5", "@fontsource/fira-code@5", "framer-motion@6", "entities@4",
  "@emotion/is-prop-valid@0.8", "@emotion/memoize@0.7", "popmotion@11", "style-value-types@5", "isobject@3",
];
const names = { "index.umd.js": "explorer.min.js", "style.css": "explorer.min.css" };

const work = mkdtempSync(join(tmpdir(), "graphiql-"));
const npm = (...args) => execFileSync("npm", args, { cwd: work, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
writeFileSync(join(work, "package.json"), "{}");
const specs = Object.entries(taken).map(([name, [version]]) => `${name}@${version}`);
const modules = join(work, "node_modules");
const install = (...args) => npm("install", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund", ...args);
install("esbuild@0.28.2", ...specs, ...licencesOnly);
const bundle = readFileSync(join(modules, "graphiql/graphiql.min.js"), "utf8");
const inside = [...bundle.matchAll(/^\/\*\*\*\/ "[^"]*node_modules\/((?:@[^/"]+\/)?[^/"]+)/gm)].map((match) => match[1]);
install(...new Set(inside.filter((name) => !existsSync(join(modules, name)))));

rmSync(vendor, { recursive: true, force: true });
mkdirSync(vendor, { recursive: true });
const hashes = [];
for (const [name, [version, ...files]] of Object.entries(taken)) {
  for (const file of files) {
    const source = join(modules, name, file);
    const base = file.split("/").pop();
    write(names[base] ?? base, minified(source, file.endsWith(".css") ? "css" : "js"), `${name}@${version} ${file}`);
  }
}
writeFileSync(join(here, "THIRD_PARTY.txt"), thirdParty());
rmSync(work, { recursive: true });

/** The published bundle is a development build: esbuild takes it from 3.5 MB to about 1 MB. Maps stay behind. */
function minified(source, loader) {
  let text = readFileSync(source, "utf8");
  if (loader === "css") text = withoutDataUrls(text);
  const options = ["--minify", "--target=es2020", "--legal-comments=none", "--charset=utf8", `--loader=${loader}`, "--log-level=error"];
  const esbuild = join(modules, "esbuild", "bin", "esbuild");
  const code = execFileSync(esbuild, options, { input: text, encoding: "utf8", maxBuffer: 1 << 26 });
  return code.replace(/\n?(\/\/|\/\*)# sourceMappingURL=[^\n]*/g, "");
}

/** Keeps the Latin fonts, and makes files of them and of the pictures, so that the page's CSP needs no `data:`. */
function withoutDataUrls(css) {
  const latin = /unicode-range:\s*U\+0000-00FF/;
  const kept = css.replace(/@font-face\s*\{[^}]*\}/g, (face) =>
    latin.test(face) && /font-style:\s*normal/.test(face) ? face : "");
  return kept.replace(/url\(data:(?:font|image)\/(\w+);base64,([^)]*)\)/g, (_, type, base64) => {
    const bytes = Buffer.from(base64, "base64");
    const name = `${createHash("sha256").update(bytes).digest("hex").slice(0, 12)}.${type}`;
    if (!existsSync(join(vendor, name))) write(name, bytes, "out of graphiql.min.css");
    return `url(${name})`;
  });
}

function write(name, content, origin) {
  writeFileSync(join(vendor, name), content);
  hashes.push([name, origin, createHash("sha256").update(content).digest("hex")]);
}

function thirdParty() {
  const also = licencesOnly.map((spec) => spec.replace(/(.)@.*$/, "$1"));
  const all = [...new Set([...Object.keys(taken), ...inside, ...also])].sort();
  const texts = new Map();
  for (const name of all) {
    const { licence, copyright, text } = licenceOf(name);
    const key = text.replace(/\s+/g, " ").toLowerCase();
    const entry = texts.get(key) ?? { text, owners: [] };
    entry.owners.push(`  ${name} ${version(name)} (${licence})${copyright?.length ? "\n    " + copyright.join("\n    ") : ""}`);
    texts.set(key, entry);
  }
  const files = hashes.map(([name, origin, sha]) => `  ${name}\n    ${origin}\n    sha256 ${sha}`).join("\n");
  const licences = [...texts.values()].map(({ text, owners }) => `${"-".repeat(78)}\n${owners.join("\n")}\n\n${text}\n`);
  return `The files in vendor/ come from these npm packages. They are changed only as README.txt says.\n\n${files}\n\n` +
    `What they contain, with the licence of each.\n\n${licences.join("\n")}`;
}

function version(name) {
  return taken[name]?.[0] ?? "(inside a bundle)";
}

/** Splits a licence file into who holds the copyright and the terms, so that equal terms are printed once. */
function licenceOf(name) {
  const folder = join(modules, name);
  const { license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[sc]e/i.test(entry));
  if (!file) return { licence: license, copyright: null, text: `(Published under ${license}; no licence file in the package.)` };
  const lines = readFileSync(join(folder, file), "utf8").trim().split(/\r?\n/).map((line) => line.trimEnd());
  const isCopyright = (line) => /^\s*(copyright|©)\b.*(\d{4}|\(c\)|©)/i.test(line) && !/notice/i.test(line);
  const heading = /^#*\s*(the\s+)?(mit|bsd|isc)\b.*(licen[sc]e)?\)?:?$/i;
  const terms = lines.filter((line) => !isCopyright(line) && !heading.test(line.trim())).join("\n").replace(/\n{3,}/g, "\n\n");
  return { licence: license, copyright: lines.filter(isCopyright).map((line) => line.trim()), text: terms.trim() };
}
