// pg-boss at its best for a burst: batches of 1000, fetched continuously, four workers. Words of protocol.py.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
const require = createRequire(process.env.BENCH_NODE_MODULES + "/x.js");
const { PgBoss } = await import(pathToFileURL(require.resolve("pg-boss")));

const [what, url, argument] = process.argv.slice(2);
const boss = new PgBoss({ connectionString: url });
boss.on("error", console.error);
await boss.start();
if (what === "prepare") {
  await boss.createQueue("tick");
  for (let left = Number(argument); left > 0; left -= 1000) {
    await boss.insert("tick", Array.from({ length: Math.min(left, 1000) }, () => ({})));
  }
  await boss.stop();
  process.exit(0);
}
let left = Number(argument);
await boss.work("tick", { batchSize: 1000, localConcurrency: 4, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 },
  async (jobs) => { left -= jobs.length; if (left <= 0) process.stdout.write("handled\n"); });
