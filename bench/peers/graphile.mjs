// graphile-worker at its best for a burst (24 at once, 500 fetched at once, completions batched); for lateness one at a time, with
// its default poll (2 s) or the poll of LATENESS-50. The words are those of protocol.py.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const require = createRequire(process.env.BENCH_NODE_MODULES + "/x.js");
const { Logger, makeWorkerUtils, run } = require("graphile-worker");

const [what, url, argument] = process.argv.slice(2);
const logger = new Logger(() => (level, message) => { if (level === "error") console.error(message); });
const say = (text) => process.stdout.write(text + "\n");

if (what === "prepare" || what.startsWith("lateness")) {
  const utils = await makeWorkerUtils({ connectionString: url, logger });
  await utils.migrate();
  const add = (job, source, values) => utils.withPgClient((client) => client.query(
    `SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(
       SELECT json_populate_record(null::graphile_worker.job_spec, ${job}) FROM ${source}))`, values));
  if (what === "prepare") {
    await add("json_build_object('identifier', 'tick')", "generate_series(1, $1)", [argument]);
  } else {
    const instants = readFileSync(argument, "utf8").split(/\s+/).filter(Boolean);
    await add(`json_build_object('identifier', 'fire', 'payload', json_build_object('due', at),
       'run_at', to_timestamp(at::numeric / 1000000))`, "unnest($1::bigint[]) AS at", [instants]);
  }
  await utils.release();
}
if (what === "burst") {
  let left = Number(argument);
  await run({
    connectionString: url, logger, concurrency: 24, noHandleSignals: true,
    preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
    taskList: { tick: async () => { if (--left === 0) say("handled"); } },
  });
} else if (what !== "prepare") {
  say("ready");
  await run({
    connectionString: url, logger, noHandleSignals: true,
    ...(what === "lateness-50" ? { pollInterval: 50 } : {}),
    taskList: { fire: async ({ due }) => {
      say(`${due} ${Math.round((performance.timeOrigin + performance.now()) * 1000)}`);
    } },
  });
}
