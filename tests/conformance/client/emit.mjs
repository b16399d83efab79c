// Makes CommonJS of the TypeScript beside it, types left out, as bundlers do; Relay's documents become what its compiler made.
// node emit.mjs

import { readdir, writeFile } from 'node:fs/promises';
import { transformFileAsync } from '@babel/core';

const presets = ['@babel/preset-typescript'];
const plugins = ['relay', '@babel/plugin-transform-modules-commonjs'];

for (const file of await readdir('.', { recursive: true })) {
  if (file.startsWith('node_modules') || !file.endsWith('.ts')) continue;
  const { code } = await transformFileAsync(file, { presets, plugins, configFile: false });
  await writeFile(file.replace(/ts$/, 'js'), code);
}
