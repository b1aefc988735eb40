// The official SDK against the fake provider's Files and Batches APIs. Argument: the base URL. Exits 1 where something is not as
// the SDK promises it.
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "any", maxRetries: 0 });
const line = (number) =>
  JSON.stringify({
    custom_id: `item-${number}`,
    method: "POST",
    url: "/v1/chat/completions",
    body: { model: "gpt-5.2", messages: [{ role: "user", content: `photo ${number}` }] },
  });
const wanted = Array.from({ length: 50 }, (_, number) => number);

const file = await client.files.create({
  file: await toFile(Buffer.from(wanted.map(line).join("\n") + "\n"), "job.jsonl"),
  purpose: "batch",
  expires_after: { anchor: "created_at", seconds: 3600 },
});
assert.equal(file.object, "file");
assert.equal(file.filename, "job.jsonl");
assert.equal(file.expires_at - file.created_at, 3600);
assert.equal((await client.files.retrieve(file.id)).bytes, file.bytes);

const made = await client.batches.create({
  input_file_id: file.id,
  endpoint: "/v1/chat/completions",
  completion_window: "24h",
  metadata: { job: "7" },
});
assert.equal(made.status, "validating");
let batch = made;
const end = Date.now() + 20000;
while (batch.status !== "completed" && Date.now() < end) {
  await new Promise((done) => setTimeout(done, 50));
  batch = await client.batches.retrieve(made.id);
}
assert.equal(batch.status, "completed");
assert.deepEqual(batch.request_counts, { total: 50, completed: 50, failed: 0 });
assert.deepEqual(batch.metadata, { job: "7" });

const text = await (await client.files.content(batch.output_file_id)).text();
const answers = text.trimEnd().split("\n").map((each) => JSON.parse(each));
assert.deepEqual(answers.map((each) => each.custom_id).sort(), wanted.map((number) => `item-${number}`).sort());
assert.ok(answers.every((each) => each.response.status_code === 200 && each.response.body.choices[0].message.content));

const listed = [];
for await (const each of client.batches.list({ limit: 1 })) listed.push(each.id);
assert.deepEqual(listed, [made.id]);
const names = [];
for await (const each of client.files.list({ purpose: "batch" })) names.push(each.filename);
assert.deepEqual(names, ["job.jsonl"]);

const late = await client.batches.cancel(made.id).catch((error) => error);
assert.equal(late.status, 409);
assert.equal((await client.files.delete(file.id)).deleted, true);
const gone = await client.files.retrieve(file.id).catch((error) => error);
assert.ok(gone instanceof OpenAI.NotFoundError);
console.log("all well");
