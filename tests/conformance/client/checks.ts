// Tells what a program found, a line of JSON for each check.

declare const process: { argv: string[]; exitCode: number };

export const [url, email, password] = process.argv.slice(2) as [string, string, string];

export function check(what: string, holds: boolean, found?: unknown): void {
  console.log(JSON.stringify({ what, holds, found }));
}

export function run(program: () => Promise<void>): void {
  program().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
