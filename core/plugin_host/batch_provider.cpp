#include "plugin_host/batch_provider.hpp"

#include "plugin_host/abi_request.hpp"
#include "plugin_host/abi_values.hpp"
#include "plugin_host/batch_values.hpp"
#include "plugin_host/origin.hpp"
#include "plugin_host/plugin_frame.hpp"

#include <optional>
#include <string>
#include <vector>

namespace eco2::plugin_host {

/// What a function has told. The callbacks check and copy at once: what they get is borrowed.
struct PluginBatchProvider::Words {
    int callbacks = 0;
    std::string_view rule;  // that was broken; empty: none
    std::optional<CallError> error;
    eco2_status error_status = ECO2_INTERNAL;

    static void take_error(void* self, const eco2_error* told) noexcept {
        auto& words = *static_cast<Words*>(self);
        const AbiView<eco2_error> view(told);
        words.error_status = view && view->status != ECO2_OK ? view->status : ECO2_INTERNAL;
        words.error = call_error_of(CallFamily::provider, words.error_status, told);
        ++words.callbacks;
    }
    void note(std::string_view broken) noexcept {
        ++callbacks;
        rule = rule.empty() ? broken : rule;
    }
};

struct PluginBatchProvider::LineWords : Words {
    std::string line;

    static void take(void* self, eco2_str told) noexcept {
        auto& words = *static_cast<LineWords*>(static_cast<Words*>(self));
        words.note(plugin_host::read_line(told, words.line));
    }
};

struct PluginBatchProvider::AnswerWords : Words {
    BatchAnswer answer;

    static void take(void* self, const eco2_batch_answer* told) noexcept {
        auto& words = *static_cast<AnswerWords*>(static_cast<Words*>(self));
        words.note(read_answer(told, words.answer));
    }
};

struct PluginBatchProvider::RequestWords : Words {
    const OutgoingHeaders* outgoing = nullptr;
    std::uint64_t key = 0;
    Result<BatchRequest> request = fail(Errc::plugin_contract, "no request was told");

    static void take(void* self, const eco2_batch_request* told) noexcept {
        auto& words = *static_cast<RequestWords*>(static_cast<Words*>(self));
        const AbiView<eco2_batch_request> view(told);
        if (!view) {
            words.note("no request");
            return;
        }
        words.note({});
        words.request = words.read(*view);
    }

    Result<BatchRequest> read(const eco2_batch_request& from) const {
        BatchRequest out;
        out.method = text_of(from.method);
        out.url = text_of(from.url);
        if (!is_token(out.method)) {
            return fail(Errc::bad_request, "the method is not a token");
        }
        if (const auto origin = origin_of(out.url); !origin) {
            return origin.error();
        }
        auto headers = outgoing->read(from.headers, from.header_count, key, out.url);
        if (!headers) {
            return headers.error();
        }
        out.headers = std::move(*headers);
        out.body = text_of(from.body);
        out.body_end = text_of(from.body_end);
        return out;
    }
};

struct PluginBatchProvider::ReplyWords : Words {
    BatchStep step = BatchStep::retrieve;
    int http_status = 0;
    BatchReply reply;
    std::optional<BatchFault> fault;

    static void take(void* self, const eco2_batch_reply* told) noexcept {
        auto& words = *static_cast<ReplyWords*>(static_cast<Words*>(self));
        words.reply = {};
        words.fault.reset();
        words.note(plugin_host::read_reply(told, words.step, words.http_status, words.reply, words.fault));
    }
};

Error PluginBatchProvider::broken(std::string_view rule, std::string_view function) {
    context_->note_violation(rule, function);
    return fail(Errc::plugin_contract,
                "plugin " + context_->plugin() + " broke a rule in " + std::string(function) + ": " + std::string(rule));
}

template <class Run>
Result<void> PluginBatchProvider::ask(std::string_view function, Words& words, Run&& run) {
    if (!context_->calls().enter()) {
        return fail(Errc::draining, "instance " + context_->id() + " is stopping");
    }
    eco2_status status = ECO2_INTERNAL;
    bool has_thrown = false;
    try {
        const PluginFrame frame(*context_, function);
        status = run(static_cast<void*>(&words));
    } catch (...) {
        has_thrown = true;
    }
    context_->calls().leave();
    if (has_thrown) {
        return broken("an exception crossed the boundary", function);
    }
    if (words.callbacks != 1) {
        return broken(words.callbacks == 0 ? "neither a result nor an error was told" : "more than one result was told",
                      function);
    }
    if ((status == ECO2_OK) == words.error.has_value()) {
        return broken("the status and what was told disagree", function);
    }
    if (!words.rule.empty()) {
        return broken(words.rule, function);
    }
    return words.error ? Result<void>(words.error->error) : Result<void>();
}

Result<void> PluginBatchProvider::read_capabilities() {
    const eco2_str* described = nullptr;
    try {
        const PluginFrame frame(*context_, "describe");
        described = table_.describe(table_.self);
    } catch (...) {
        return broken("an exception crossed the boundary", "describe");
    }
    auto told = described == nullptr ? std::nullopt : batch_capabilities_of(text_of(*described));
    if (!told) {
        return broken("a description that is no JSON object with an endpoint and known words", "describe");
    }
    capabilities_ = *std::move(told);
    return {};
}

Result<std::string> PluginBatchProvider::encode_line(const GenerateRequest& request, std::string_view custom_id) {
    const MessageArena arena(request.messages);
    auto abi = abi_request(request, arena, key(), true);
    abi.flags &= ~ECO2_GENERATE_STREAM;
    LineWords words;
    const auto asked = ask("encode_line", words, [&](void* ctx) {
        return table_.encode_line(table_.self, &abi, abi_text(custom_id), ctx, &LineWords::take, &Words::take_error);
    });
    return asked ? Result<std::string>(std::move(words.line)) : asked.error();
}

Result<BatchAnswer> PluginBatchProvider::read_line(std::string_view line) {
    AnswerWords words;
    const auto asked = ask("read_line", words, [&](void* ctx) {
        return table_.read_line(table_.self, abi_text(line), ctx, &AnswerWords::take, &Words::take_error);
    });
    return asked ? Result<BatchAnswer>(std::move(words.answer)) : asked.error();
}

Result<BatchRequest> PluginBatchProvider::request(const BatchAsk& what) {
    const eco2_batch_ask abi = {.struct_size = sizeof(eco2_batch_ask),
                                .step = abi_step(what.step),
                                .key = key(),
                                .id = abi_text(what.id),
                                .file_name = abi_text(what.file_name),
                                .tag = abi_text(what.tag),
                                .job = abi_text(what.job),
                                .page_after = abi_text(what.page_after)};
    RequestWords words;
    words.outgoing = &outgoing_;
    words.key = key();
    const auto asked = ask("write_step", words, [&](void* ctx) {
        return table_.write_step(table_.self, &abi, ctx, &RequestWords::take, &Words::take_error);
    });
    if (asked) {
        return std::move(words.request);
    }
    if (!words.error || asked.error().code == Errc::plugin_contract) {
        return asked.error();
    }
    const bool is_askers_fault = words.error_status == ECO2_UNSUPPORTED || words.error_status == ECO2_INVALID_ARGUMENT;
    return fail(is_askers_fault ? Errc::invalid_field : Errc::plugin_failed,
                "instance " + context_->id() + ": " + asked.error().detail);
}

std::optional<BatchReply> PluginBatchProvider::read_reply(
    BatchStep step, int http_status, const Headers& headers, std::string_view body, BatchFault& fault) {
    std::vector<eco2_str> pairs;
    pairs.reserve(2 * headers.size());
    for (const auto& [name, value] : headers) {
        pairs.push_back(abi_text(name));
        pairs.push_back(abi_text(value));
    }
    const eco2_batch_response abi = {.struct_size = sizeof(eco2_batch_response),
                                     .step = abi_step(step),
                                     .http_status = http_status,
                                     .reserved = 0,
                                     .headers = pairs.data(),
                                     .header_count = headers.size(),
                                     .body = abi_text(body)};
    ReplyWords words;
    words.step = step;
    words.http_status = http_status;
    const auto asked = ask("read_reply", words, [&](void* ctx) {
        return table_.read_reply(table_.self, &abi, ctx, &ReplyWords::take, &Words::take_error);
    });
    if (!asked) {
        fault = batch_fault(asked.error());
        fault.http_status = http_status;
        return std::nullopt;
    }
    if (words.fault) {
        fault = *std::move(words.fault);
        return std::nullopt;
    }
    return std::move(words.reply);
}

}  // namespace eco2::plugin_host
