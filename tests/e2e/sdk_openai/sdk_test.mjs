// The official SDK against the front door (front_server.cpp). Argument: the base URL. Prints "ok NAME" or "FAILED NAME"; exits 1
// where one has failed.
import assert from "node:assert/strict";
import OpenAI from "openai";

const baseURL = process.argv[2];
const origin = new URL(baseURL).origin;
const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 2 });
const messages = [{ role: "user", content: "hi" }];
const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }];

const collect = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};
const thrown = async (action) => {
  try {
    await action();
  } catch (error) {
    return error;
  }
  assert.fail("nothing was thrown");
};
const openCalls = async () => Number(await (await fetch(origin + "/open")).text());
const eventuallyNoneOpen = async (milliseconds) => {
  const end = Date.now() + milliseconds;
  while ((await openCalls()) > 0 && Date.now() < end) await new Promise((done) => setTimeout(done, 2));
  assert.equal(await openCalls(), 0);
};

const tests = {
  async whole_answers() {
    for (const model of ["whole", "chat", "text"]) {
      const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
      assert.equal(data.object, "chat.completion");
      assert.equal(data.choices[0].message.role, "assistant");
      assert.equal(data.choices[0].message.content, "Hello world", model);
      assert.equal(data.choices[0].finish_reason, "stop");
      assert.equal(data.usage.total_tokens, 7);
      assert.equal(data.model, "up-1");
      assert.equal(response.headers.get("x-eco2-provider"), "scripted");
      assert.equal(response.headers.get("x-eco2-trail"), "scripted:ok");
      assert.ok(data._request_id);
    }
  },
  async streams_without_usage() {
    for (const model of ["chat", "text", "whole"]) {
      const chunks = await collect(await client.chat.completions.create({ model, messages, stream: true }));
      assert.equal(chunks.map((c) => c.choices[0].delta.content ?? "").join(""), "Hello world", model);
      assert.ok(chunks.every((c) => c.choices.length === 1 && c.id === chunks[0].id && !c.usage));
      assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
    }
  },
  async streams_with_usage() {
    for (const model of ["chat", "text", "whole"]) {
      const chunks = await collect(
        await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } }),
      );
      const told = chunks.filter((c) => c.usage);
      assert.equal(told.length, 1, model);
      assert.equal(told[0], chunks.at(-1));
      assert.deepEqual(told[0].choices, []);
      assert.equal(told[0].usage.total_tokens, 7);
    }
  },
  async the_stream_helper_puts_tools_together() {
    for (const model of ["chat-tools", "text-tools"]) {
      const done = await client.chat.completions.stream({ model, messages, tools }).finalChatCompletion();
      assert.equal(done.choices[0].finish_reason, "tool_calls", model);
      const call = done.choices[0].message.tool_calls[0];
      assert.equal(call.id, "call_1");
      assert.equal(call.function.name, "weather");
      assert.deepEqual(JSON.parse(call.function.arguments), { city: "Seoul" });
    }
  },
  async whole_answers_with_tools() {
    for (const model of ["chat-tools", "text-tools"]) {
      const made = await client.chat.completions.create({ model, messages, tools });
      assert.equal(made.choices[0].finish_reason, "tool_calls", model);
      assert.equal(made.choices[0].message.content, null);
      assert.equal(made.choices[0].message.tool_calls[0].type, "function");
      assert.deepEqual(JSON.parse(made.choices[0].message.tool_calls[0].function.arguments), { city: "Seoul" });
    }
  },
  async errors_are_of_the_right_class() {
    const cases = [
      [{ model: "context" }, OpenAI.BadRequestError, "context_length_exceeded"],
      [{ model: "policy" }, OpenAI.BadRequestError, "content_policy_violation"],
      [{ model: "limited" }, OpenAI.RateLimitError, "rate_limit_exceeded"],
      [{ model: "down" }, OpenAI.InternalServerError, "provider_overloaded"],
      [{ model: "unknown" }, OpenAI.NotFoundError, "model_not_found"],
      [{ model: "chat", temperature: "hot" }, OpenAI.BadRequestError, "invalid_value"],
      [{ model: "text", n: 2 }, OpenAI.BadRequestError, "invalid_value"],
    ];
    for (const stream of [false, true]) {
      for (const [fields, kind, code] of cases) {
        const error = await thrown(() => client.chat.completions.create({ messages, stream, ...fields }));
        assert.ok(error instanceof kind, `${JSON.stringify(fields)}: ${error}`);
        assert.equal(error.code, code);
        assert.ok(error.requestID);
      }
    }
    assert.equal((await thrown(() => client.chat.completions.create({ model: "text", messages, n: 2 }))).param, "n");
  },
  async keys_are_of_the_right_class() {
    const as = (apiKey) => new OpenAI({ baseURL, apiKey, maxRetries: 0 }).chat.completions.create({ model: "text", messages });
    assert.ok((await thrown(() => as("wrong"))) instanceof OpenAI.AuthenticationError);
    assert.ok((await thrown(() => as("no-chat"))) instanceof OpenAI.PermissionDeniedError);
    await as("one-a-minute");
    const limited = await thrown(() => as("one-a-minute"));
    assert.ok(limited instanceof OpenAI.RateLimitError);
    assert.ok(Number(limited.headers.get("retry-after")) > 50);
  },
  async the_sdk_does_not_repeat_what_was_repeated_and_waits_where_waiting_helps() {
    let count = 0;
    const counting = new OpenAI({ baseURL, apiKey: "any", maxRetries: 2, fetch: (...all) => (count++, fetch(...all)) });
    await thrown(() => counting.chat.completions.create({ model: "down", messages }));
    assert.equal(count, 1);
    count = 0;
    const began = Date.now();
    await thrown(() => counting.chat.completions.create({ model: "limited-hint", messages }));
    assert.equal(count, 3);
    assert.ok(Date.now() - began < 2000, "retry-after-ms is used");
  },
  async a_failure_in_the_stream_is_raised() {
    const stream = await client.chat.completions.create({ model: "cut", messages, stream: true });
    let text = "";
    const error = await thrown(async () => {
      for await (const chunk of stream) text += chunk.choices[0].delta.content;
    });
    assert.equal(text, "Hello");
    assert.ok(error instanceof OpenAI.APIError, String(error));
    assert.equal(error.code, "provider_reset");
  },
  async aborting_a_stream_ends_the_call() {
    const controller = new AbortController();
    const stream = await client.chat.completions.create({ model: "endless", messages, stream: true }, { signal: controller.signal });
    let count = 0;
    for await (const chunk of stream) {
      count += chunk.choices.length;
      if (count === 3) controller.abort();
    }
    await eventuallyNoneOpen(50);
  },
  async aborting_what_has_not_begun_ends_the_call() {
    for (const stream of [false, true]) {
      const controller = new AbortController();
      const asked = client.chat.completions.create({ model: "silent", messages, stream }, { signal: controller.signal });
      const error = thrown(() => asked);
      while ((await openCalls()) === 0) await new Promise((done) => setTimeout(done, 2));
      controller.abort();
      assert.ok((await error) instanceof OpenAI.APIUserAbortError);
      await eventuallyNoneOpen(50);
    }
  },
  async models_are_listed() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.deepEqual(names, ["chat", "text"]);
    assert.equal((await client.models.retrieve("text")).id, "text");
    assert.ok((await thrown(() => client.models.retrieve("unknown"))) instanceof OpenAI.NotFoundError);
  },
  async equal_requests_are_merged() {
    const ask = () => client.chat.completions.create({ model: "chat", messages }, { headers: { "Idempotency-Key": "one" } });
    const [left, right] = await Promise.all([ask(), ask()]);
    assert.deepEqual({ ...left, _request_id: 0 }, { ...right, _request_id: 0 });
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log("ok " + name);
  } catch (error) {
    failed++;
    console.log("FAILED " + name + ": " + (error.stack ?? error));
  }
}
console.log(failed === 0 ? "all well" : "some failed");
process.exit(failed === 0 ? 0 : 1);
