#include "scaffold.hpp"

#include <eco2/abi/batch_provider.h>

#include <array>
#include <stdexcept>

/// A batch provider that tells odd things.
namespace {

struct OddBatch {
    std::string behaviour;
    std::string description;
    eco2_str described{};
    eco2_batch_provider table;

    OddBatch(const eco2_host*, std::string_view config)
        : behaviour(scaffold::member(config, "behaviour")),
          description(does("describes_no_json")       ? "batches"
                      : does("describes_no_endpoint") ? R"({"requests_max":1})"
                      : does("describes_words")       ? R"({"endpoint":"/x","requests_max":"many"})"
                      : does("describes_a_negative")  ? R"({"endpoint":"/x","file_bytes_max":-1})"
                      : does("describes_odd_expiry")  ? R"({"endpoint":"/x","expiry":"perhaps"})"
                      : does("describes_endpoint_only")
                          ? R"({"endpoint":"/x"})"
                          : R"({"endpoint":"/v1/x","requests_max":7,"price_factor":0.25,"window_s":60,)"
                            R"("expiry":"never","tag":true,"image_urls":true,"later":[1]})"),
          described(scaffold::text(description)),
          table{sizeof(eco2_batch_provider),
                0,
                this,
                &OddBatch::describe,
                &OddBatch::encode_line,
                &OddBatch::read_line,
                &OddBatch::write_step,
                &OddBatch::read_reply} {}

    eco2_status start() { return ECO2_OK; }
    void stop() {}
    const void* interface(std::string_view id) { return id == ECO2_BATCH_PROVIDER_ID ? &table : nullptr; }
    bool does(std::string_view what) const { return behaviour == what; }

    static OddBatch& self(void* raw) { return *static_cast<OddBatch*>(raw); }

    static const eco2_str* describe(void* raw) {
        if (self(raw).does("throws_in_describe")) {
            throw std::runtime_error("from inside describe");
        }
        return self(raw).does("describes_null") ? nullptr : &self(raw).described;
    }

    static eco2_status refuse(void* ctx, void (*on_error)(void*, const eco2_error*), eco2_status status) {
        eco2_error error{};
        error.struct_size = sizeof error;
        error.status = status;
        error.error_class = ECO2_CLASS_CALLER_FAULT;
        error.retry_after_ms = -1;
        error.code = scaffold::text("odd");
        error.message = scaffold::text("refused");
        on_error(ctx, &error);
        return status;
    }

    /// What every function may do wrong. `tell` gives the right thing.
    template <class Tell>
    eco2_status answer(void* ctx, void (*on_error)(void*, const eco2_error*), Tell&& tell) {
        if (does("throws")) {
            throw std::runtime_error("from inside");
        }
        if (does("says_nothing")) {
            return ECO2_OK;
        }
        if (does("fails_without_a_word")) {
            return ECO2_INTERNAL;
        }
        if (does("refuses")) {
            return refuse(ctx, on_error, ECO2_INVALID_ARGUMENT);
        }
        if (does("lacks_it")) {
            return refuse(ctx, on_error, ECO2_UNSUPPORTED);
        }
        if (does("refuses_and_says_ok")) {
            refuse(ctx, on_error, ECO2_INTERNAL);
            return ECO2_OK;
        }
        if (does("refuses_with_null")) {
            on_error(ctx, nullptr);
            return ECO2_INTERNAL;
        }
        tell();
        if (does("tells_twice")) {
            tell();
        }
        if (does("tells_both")) {
            refuse(ctx, on_error, ECO2_INTERNAL);
        }
        return does("tells_and_fails") ? ECO2_INTERNAL : ECO2_OK;
    }

    static eco2_status encode_line(void* raw,
                                   const eco2_generate_request* request,
                                   eco2_str custom_id,
                                   void* ctx,
                                   void (*take)(void*, eco2_str),
                                   void (*on_error)(void*, const eco2_error*)) {
        OddBatch& odd = self(raw);
        const std::string line =
            odd.does("line_with_an_end") ? "{\n}"
            : odd.does("empty_line")     ? ""
            : odd.does("line_of_bad_utf8")
                ? "{\"\xFF\"}"
                : std::string(scaffold::view(custom_id)) + "|" + std::string(scaffold::view(request->model)) + "|" +
                      std::string(scaffold::view(request->chat_json)) + "|" + std::to_string(request->key) + "|" +
                      std::to_string(request->flags) + "|" + std::to_string(request->message_count);
        return odd.answer(ctx, on_error, [&] { take(ctx, scaffold::text(line)); });
    }

    static eco2_status read_line(void* raw,
                                 eco2_str line,
                                 void* ctx,
                                 void (*take)(void*, const eco2_batch_answer*),
                                 void (*on_error)(void*, const eco2_error*)) {
        OddBatch& odd = self(raw);
        eco2_usage usage{sizeof(eco2_usage), 0, 5, 6, -77, -1};
        eco2_batch_answer answer{};
        answer.struct_size = sizeof answer;
        answer.outcome = odd.does("failed_without_an_error") ? ECO2_BATCH_FAILED : ECO2_BATCH_ANSWERED;
        answer.http_status = odd.does("odd_numbers") ? -5 : 200;
        answer.finish_reason = odd.does("odd_numbers") ? 99 : ECO2_FINISH_STOP;
        answer.custom_id = line;
        answer.text = scaffold::text(odd.does("text_of_bad_utf8") ? "\xC3(" : "said");
        answer.usage = &usage;
        return odd.answer(ctx, on_error, [&] { take(ctx, odd.does("null_answer") ? nullptr : &answer); });
    }

    static eco2_status write_step(void* raw,
                                  const eco2_batch_ask* ask,
                                  void* ctx,
                                  void (*take)(void*, const eco2_batch_request*),
                                  void (*on_error)(void*, const eco2_error*)) {
        OddBatch& odd = self(raw);
        const std::string url = odd.does("key_elsewhere") ? "https://elsewhere.test/x"
                                : odd.does("no_url")      ? "ftp://x"
                                : odd.does("user_in_url") ? "https://me@api.test/v1"
                                                          : "https://api.test/v1/" + std::string(scaffold::view(ask->id));
        std::array<eco2_str, 2> headers{scaffold::text("authorization"), scaffold::text("Bearer {eco2:key}")};
        if (odd.does("owned_header")) {
            headers[0] = scaffold::text("Content-Length");
        }
        if (odd.does("split_header")) {
            headers[1] = scaffold::text("a\r\nx: y");
        }
        eco2_batch_request request{};
        request.struct_size = sizeof request;
        request.method = scaffold::text(odd.does("odd_method") ? "GET /" : "POST");
        request.url = scaffold::text(url);
        request.headers = odd.does("null_headers") ? nullptr : headers.data();
        request.header_count = odd.does("many_headers") ? 10'000 : 1;
        request.body = scaffold::text("start");
        request.body_end = scaffold::text("end");
        return odd.answer(ctx, on_error, [&] { take(ctx, odd.does("null_request") ? nullptr : &request); });
    }

    static eco2_status read_reply(void* raw,
                                  const eco2_batch_response* response,
                                  void* ctx,
                                  void (*take)(void*, const eco2_batch_reply*),
                                  void (*on_error)(void*, const eco2_error*)) {
        OddBatch& odd = self(raw);
        eco2_error error{};
        error.struct_size = sizeof error;
        error.status = ECO2_RESOURCE_EXHAUSTED;
        error.error_class = ECO2_CLASS_LIMITED;
        error.retry_after_ms = 1'500;
        error.code = scaffold::text("slow");
        eco2_batch_fault fault{sizeof(eco2_batch_fault), 0, scaffold::text("bad\nline"), scaffold::text("m"), -3};
        const eco2_batch_fault* faults[] = {&fault};
        eco2_remote_batch batch{};
        batch.struct_size = sizeof batch;
        batch.state = odd.does("odd_numbers") ? 99 : ECO2_BATCH_STATE_COMPLETED;
        batch.id = scaffold::text(odd.does("empty_id") ? "" : odd.does("id_with_an_end") ? "b\n" : "b1");
        batch.state_word = scaffold::text("done");
        batch.tag = response->header_count > 0 ? response->headers[1] : eco2_str{};
        batch.total = odd.does("odd_numbers") ? -99 : 3;
        batch.faults = odd.does("null_faults") ? nullptr : faults;
        batch.fault_count = 1;
        const eco2_remote_batch* batches[] = {odd.does("null_batch") ? nullptr : &batch, &batch};
        eco2_batch_reply reply{};
        reply.struct_size = sizeof reply;
        reply.batches = odd.does("null_batches") ? nullptr : batches;
        reply.batch_count = odd.does("two_batches")       ? 2
                            : odd.does("no_batch")        ? 0
                            : odd.does("endless_batches") ? static_cast<size_t>(-1)
                                                          : 1;
        if (response->http_status >= 300) {
            reply.error = &error;
            reply.flags = ECO2_BATCH_NOTHING_DONE;
        }
        if (odd.does("proof_without_an_error")) {
            reply.flags = ECO2_BATCH_NOTHING_DONE;
        }
        return odd.answer(ctx, on_error, [&] { take(ctx, odd.does("null_reply") ? nullptr : &reply); });
    }
};

}  // namespace

const int32_t ECO2_ABI_MARKER = ECO2_ABI_DRAFT;

const eco2_descriptor* ECO2_PLUGIN_ENTRY() {
    static const eco2_str interfaces[] = {scaffold::text(ECO2_BATCH_PROVIDER_ID)};
    static const eco2_descriptor descriptor = {sizeof(eco2_descriptor),
                                               ECO2_ABI_DRAFT,
                                               scaffold::text(PLUGIN_ID),
                                               scaffold::text("1.0.0"),
                                               scaffold::text(scaffold::kSchema),
                                               interfaces,
                                               1,
                                               &scaffold::Plugin<OddBatch>::create};
    return &descriptor;
}
