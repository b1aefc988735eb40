#pragma once

#include "eco2/plugin/batch_dialect.hpp"
#include "eco2/plugin/detail/boundary.hpp"

#include <deque>
#include <utility>
#include <vector>

/// Between the typed values of a BatchDialect and the ABI's structs.
namespace eco2::plugin {
inline namespace draft_2 {
namespace detail {

using BatchError = void (*)(void*, const eco2_error*);

inline eco2_status tell(const Failure& failure, void* ctx, BatchError on_error) noexcept {
    const eco2_error error = to_abi(failure);
    on_error(ctx, &error);
    return error.status;
}

/// Runs `make`, which returns Result<T>, and hands its value or its failure on. `give` throws nothing but bad_alloc, and that
/// before it has told anything.
template <class Make, class Give>
eco2_status answer(Make&& make, Give&& give, void* ctx, BatchError on_error) noexcept {
    const auto made = caught(std::forward<Make>(make));
    if (!made) {
        return tell(made.error(), ctx, on_error);
    }
    const Result<void> given = caught([&]() -> Result<void> {
        give(*made);
        return {};
    });
    return given ? ECO2_OK : tell(given.error(), ctx, on_error);
}

inline eco2_error abi_failure(const Failure& failure, int http_status) noexcept {
    eco2_error error = to_abi(failure);
    error.upstream_http_status = failure.upstream_http_status == 0 ? http_status : failure.upstream_http_status;
    return error;
}

inline void give_answer(const BatchAnswer& answer, void* ctx, void (*take)(void*, const eco2_batch_answer*)) noexcept {
    const bool is_answered = answer.outcome == BatchAnswer::Outcome::answered;
    const eco2_usage usage = answer.usage ? to_abi(*answer.usage) : eco2_usage{};
    const eco2_error error = abi_failure(answer.failure, answer.http_status);
    eco2_batch_answer abi = sized<eco2_batch_answer>();
    abi.outcome = static_cast<std::int32_t>(answer.outcome);
    abi.http_status = answer.http_status;
    abi.finish_reason = static_cast<eco2_finish_reason>(answer.finish);
    abi.custom_id = to_abi(std::string_view(answer.custom_id));
    abi.upstream_request_id = to_abi(std::string_view(answer.upstream_request_id));
    abi.model = to_abi(std::string_view(answer.model));
    abi.text = to_abi(std::string_view(answer.text));
    abi.body_json = to_abi(answer.body_json);
    abi.usage = answer.usage ? &usage : nullptr;
    abi.error = is_answered ? nullptr : &error;
    take(ctx, &abi);
}

inline void give_request(const BatchRequest& request, void* ctx, void (*take)(void*, const eco2_batch_request*)) noexcept {
    eco2_batch_request abi = sized<eco2_batch_request>();
    abi.method = to_abi(std::string_view(request.method));
    abi.url = to_abi(std::string_view(request.url));
    abi.headers = request.headers.data();
    abi.header_count = request.headers.size();
    abi.body = to_abi(std::string_view(request.body));
    abi.body_end = to_abi(std::string_view(request.body_end));
    take(ctx, &abi);
}

inline eco2_remote_file abi_file(const RemoteFile& file) noexcept {
    eco2_remote_file abi = sized<eco2_remote_file>();
    abi.id = to_abi(std::string_view(file.id));
    abi.name = to_abi(std::string_view(file.name));
    abi.bytes = file.bytes;
    abi.created_at_s = file.created_at_s;
    abi.expires_at_s = file.expires_at_s;
    return abi;
}

/// A batch and what its struct points to. Stays where it was made.
class AbiBatch {
public:
    explicit AbiBatch(const RemoteBatch& batch) : usage_(batch.usage ? to_abi(*batch.usage) : eco2_usage{}) {
        const auto text = [](const std::string& from) { return to_abi(std::string_view(from)); };
        faults_.reserve(batch.faults.size());
        for (const RemoteBatch::Fault& fault : batch.faults) {
            faults_.push_back({sizeof(eco2_batch_fault), 0, text(fault.code), text(fault.message), fault.line});
            pointers_.push_back(&faults_.back());
        }
        abi_.state = static_cast<std::int32_t>(batch.state);
        abi_.id = text(batch.id);
        abi_.state_word = text(batch.state_word);
        abi_.tag = text(batch.tag);
        abi_.input_file = text(batch.input_file);
        abi_.output_file = text(batch.output_file);
        abi_.error_file = text(batch.error_file);
        abi_.total = batch.total;
        abi_.completed = batch.completed;
        abi_.failed = batch.failed;
        abi_.created_at_s = batch.created_at_s;
        abi_.expires_at_s = batch.expires_at_s;
        abi_.faults = pointers_.data();
        abi_.fault_count = pointers_.size();
        abi_.usage = batch.usage ? &usage_ : nullptr;
    }
    AbiBatch(const AbiBatch&) = delete;
    AbiBatch& operator=(const AbiBatch&) = delete;
    const eco2_remote_batch* get() const noexcept { return &abi_; }

private:
    eco2_usage usage_;
    std::vector<eco2_batch_fault> faults_;
    std::vector<const eco2_batch_fault*> pointers_;
    eco2_remote_batch abi_ = sized<eco2_remote_batch>();
};

inline void give_reply(const BatchReply& reply, int http_status, void* ctx, void (*take)(void*, const eco2_batch_reply*)) {
    std::vector<eco2_remote_file> files;
    std::vector<const eco2_remote_file*> file_pointers;
    files.reserve(reply.files.size());
    for (const RemoteFile& file : reply.files) {
        files.push_back(abi_file(file));
        file_pointers.push_back(&files.back());
    }
    std::deque<AbiBatch> batches;
    std::vector<const eco2_remote_batch*> batch_pointers;
    for (const RemoteBatch& batch : reply.batches) {
        batch_pointers.push_back(batches.emplace_back(batch).get());
    }
    const eco2_error error = reply.refusal ? abi_failure(*reply.refusal, http_status) : eco2_error{};
    eco2_batch_reply abi = sized<eco2_batch_reply>();
    abi.flags = reply.refusal && reply.is_proof_of_nothing ? ECO2_BATCH_NOTHING_DONE : 0u;
    abi.error = reply.refusal ? &error : nullptr;
    abi.files = file_pointers.data();
    abi.file_count = file_pointers.size();
    abi.batches = batch_pointers.data();
    abi.batch_count = batch_pointers.size();
    abi.next_page = to_abi(std::string_view(reply.next_page));
    take(ctx, &abi);
}

inline Failure unreadable_struct() {
    return fail(Status::invalid_argument, "struct_size", "the host handed over a struct of another ABI");
}

}  // namespace detail

inline const eco2_str* BatchDialect::described() noexcept {
    if (text_.empty()) {
        detail::swallowed([&] { text_ = batch_capabilities(); });
        view_ = to_abi(std::string_view(text_));
    }
    return &view_;
}

inline BatchDialect::BatchDialect(const Host&) noexcept {
    table_.self = this;
    table_.describe = [](void* self) noexcept { return static_cast<BatchDialect*>(self)->described(); };
    table_.encode_line = [](void* self,
                            const eco2_generate_request* request,
                            eco2_str custom_id,
                            void* ctx,
                            void (*take)(void*, eco2_str),
                            detail::BatchError on_error) noexcept {
        const auto make = [&]() -> Result<std::string> {
            if (!detail::covers(request)) {
                return detail::unreadable_struct();
            }
            eco2_generate_request whole = *request;
            whole.flags &= ~ECO2_GENERATE_STREAM;
            return static_cast<BatchDialect*>(self)->encode_line(GenerateRequest(whole), from_abi(custom_id));
        };
        const auto give = [&](const std::string& line) { take(ctx, to_abi(std::string_view(line))); };
        return detail::answer(make, give, ctx, on_error);
    };
    table_.read_line = [](void* self,
                          eco2_str line,
                          void* ctx,
                          void (*take)(void*, const eco2_batch_answer*),
                          detail::BatchError on_error) noexcept {
        return detail::answer([&] { return static_cast<BatchDialect*>(self)->read_line(from_abi(line)); },
                              [&](const BatchAnswer& answer) { detail::give_answer(answer, ctx, take); },
                              ctx,
                              on_error);
    };
    table_.write_step = [](void* self,
                           const eco2_batch_ask* ask,
                           void* ctx,
                           void (*take)(void*, const eco2_batch_request*),
                           detail::BatchError on_error) noexcept {
        const auto make = [&]() -> Result<BatchRequest> {
            if (!detail::covers(ask)) {
                return detail::unreadable_struct();
            }
            return static_cast<BatchDialect*>(self)->write_step({static_cast<BatchStep>(ask->step),
                                                                 ask->key != 0,
                                                                 from_abi(ask->id),
                                                                 from_abi(ask->file_name),
                                                                 from_abi(ask->tag),
                                                                 from_abi(ask->job),
                                                                 from_abi(ask->page_after)});
        };
        return detail::answer(
            make, [&](const BatchRequest& request) { detail::give_request(request, ctx, take); }, ctx, on_error);
    };
    table_.read_reply = [](void* self,
                           const eco2_batch_response* response,
                           void* ctx,
                           void (*take)(void*, const eco2_batch_reply*),
                           detail::BatchError on_error) noexcept {
        const auto make = [&]() -> Result<BatchReply> {
            if (!detail::covers(response)) {
                return detail::unreadable_struct();
            }
            return static_cast<BatchDialect*>(self)->read_reply(static_cast<BatchStep>(response->step),
                                                                response->http_status,
                                                                Headers(response->headers, response->header_count),
                                                                from_abi(response->body));
        };
        const auto give = [&](const BatchReply& reply) { detail::give_reply(reply, response->http_status, ctx, take); };
        return detail::answer(make, give, ctx, on_error);
    };
}

}  // namespace draft_2
}  // namespace eco2::plugin
