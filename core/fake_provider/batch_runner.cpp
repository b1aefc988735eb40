#include "fake_provider/batch_runner.hpp"

#include "fake_provider/openai_wire.hpp"
#include "fake_provider/script.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <utility>

namespace eco2::fake {
namespace {

constexpr std::uint64_t kLineFaultPurpose = 5;
constexpr std::uint64_t kErrorOrderSeed = 0x5EED;

/// What of a batch's faults its files show. The error file has those of the form alone, so that each flaw is there once.
BatchOutput::Style style_of(const RunPlan& plan, bool is_output) {
    BatchOutput::Style out{plan.window, plan.seed ^ plan.number << 20, {}};
    out.seed ^= is_output ? 0 : kErrorOrderSeed;
    for (const BatchFault& fault : plan.faults) {
        const bool is_of_form = fault.kind == BatchFaultKind::crlf || fault.kind == BatchFaultKind::no_final_newline;
        if (is_output || is_of_form) {
            out.faults.push_back(fault);
        }
    }
    return out;
}

Behaviour behaviour_of(LineFault kind, const BatchFault& fault) {
    Behaviour out;
    switch (kind) {
        case LineFault::none: break;
        case LineFault::limited:
            out.fault = Fault::status;
            out.status = 429;
            break;
        case LineFault::failed: out.fault = Fault::status; break;
        case LineFault::image_timeout:
            out.fault = Fault::status;
            out.status = 400;
            out.message = "Timeout while downloading the image of this request. Try again, or send the image in the body.";
            out.error_code = "invalid_image_url";
            break;
        case LineFault::length: out.fault = Fault::length; break;
        case LineFault::refusal: out.fault = Fault::refusal; break;
        case LineFault::wrong_schema: out.fault = Fault::wrong_schema; break;
        case LineFault::huge:
            out.fault = Fault::huge_body;
            out.bytes = fault.bytes >= 0 ? static_cast<std::size_t>(fault.bytes) : out.bytes;
            break;
    }
    return out;
}

/// Another answer to the same request than the honest one.
Behaviour other_behaviour(const BatchLine& line) {
    const ChatRequest* request = std::get_if<ChatRequest>(&line.request);
    Behaviour out;
    out.fault = request != nullptr && request->kind == AnswerKind::vision ? Fault::outside_taxonomy : Fault::wrong_schema;
    return out;
}

/// On one line: a body is written for people, with line breaks outside of its texts alone.
std::string one_line(std::string_view json) {
    std::string out;
    out.reserve(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) {
        if (json[i] == '\n') {
            i = json.find_first_not_of(" \r\n", i);
            if (i == std::string_view::npos) {
                break;
            }
        }
        out += json[i];
    }
    return out;
}

std::string error_outcome(std::string_view code, std::string_view message) {
    return "\"response\": null, \"error\": {\"code\": \"" + std::string(code) + "\", \"message\": \"" + std::string(message) +
           "\"}";
}

std::string rest_outcome(BatchLife::Rest rest) {
    return rest == BatchLife::Rest::expired
               ? error_outcome("batch_expired", "This request could not be executed before the completion window expired.")
               : error_outcome("batch_cancelled", "This request was not executed because the batch was cancelled.");
}

}  // namespace

BatchRunner::BatchRunner(
    RunPlan plan, std::shared_ptr<const DiskFile> input, Ask ask, BatchBill& bill, BatchOutput::Begin begin)
    : plan_(std::move(plan)),
      reader_(std::move(input)),
      ask_(std::move(ask)),
      bill_(bill),
      output_(style_of(plan_, true), begin),
      errors_(style_of(plan_, false), begin) {}

Result<void> BatchRunner::execute(std::int64_t until, const Slice& slice) {
    Result<void> done = execute_lines(until, slice);
    return done ? rest_files() : done;
}

Result<void> BatchRunner::rest_files() {
    reader_.rest();
    Result<void> flushed = output_.flush();
    return flushed ? errors_.flush() : flushed;
}

Result<void> BatchRunner::execute_lines(std::int64_t until, const Slice& slice) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < slice.lines_max && bytes < slice.bytes_max && done_ < until; ++i) {
        const Result<std::optional<std::string_view>> text = reader_.next();
        if (!text) {
            return text.error();
        }
        if (!*text) {
            return fail(Errc::io_failed, "the input file has lost lines since it was validated");
        }
        ++done_;
        bytes += (*text)->size();
        auto read = read_batch_line(**text, plan_.endpoint, plan_.dialect);
        if (const BatchError* error = std::get_if<BatchError>(&read)) {
            return fail(Errc::io_failed, "the input file has changed since it was validated: " + error->message);
        }
        const Result<std::size_t> written = execute_line(std::get<BatchLine>(read));
        if (!written) {
            return written.error();
        }
        bytes += *written;
    }
    return {};
}

Result<std::size_t> BatchRunner::execute_line(const BatchLine& line) {
    const LineAnswer answer = this->answer(line, drawn_behaviour());
    AnswerLine out{line_id(), line.custom_id, outcome_of(answer), {}};
    const std::size_t bytes = out.outcome.size();
    if (answer.status != 200) {
        ++counts_.failed;
        const Result<void> added = errors_.add(std::move(out));
        return added ? Result<std::size_t>(bytes) : added.error();
    }
    ++counts_.completed;
    book(line, answer);
    if (output_.wants_other()) {
        out.other = outcome_of(this->answer(line, other_behaviour(line)));
    }
    const Result<void> added = output_.add(std::move(out));
    return added ? Result<std::size_t>(bytes) : added.error();
}

Behaviour BatchRunner::drawn_behaviour() const {
    const double drawn = dice(plan_.seed, line_number(), kLineFaultPurpose);
    double up_to = 0;
    for (const BatchFault& fault : plan_.faults) {
        if (fault.kind == BatchFaultKind::only_errors) {
            return behaviour_of(LineFault::failed, fault);
        }
        for (const auto& [kind, share] : fault.shares) {
            up_to += share;
            if (drawn < up_to) {
                return behaviour_of(kind, fault);
            }
        }
    }
    return {};
}

std::string BatchRunner::line_id() const {
    std::array<char, 40> out{};
    std::snprintf(out.data(), out.size(), "batch_req_fake%016llx", static_cast<unsigned long long>(line_number()));
    return out.data();
}

LineAnswer BatchRunner::answer(const BatchLine& line, const Behaviour& behaviour) const {
    const ApiFault* fault = std::get_if<ApiFault>(&line.request);
    if (fault != nullptr) {
        return {fault->status, openai_error_body(*fault), 0, 0};
    }
    return ask_(std::get<ChatRequest>(line.request), line_number(), behaviour);
}

void BatchRunner::book(const BatchLine& line, const LineAnswer& answer) {
    counts_.tokens_in += answer.tokens_in;
    counts_.tokens_out += answer.tokens_out;
    bill_.add({plan_.batch_id,
               line.custom_id,
               line.content,
               line.model,
               answer.tokens_in,
               answer.tokens_out,
               answer.tokens_in * plan_.rates.in + answer.tokens_out * plan_.rates.out});
}

std::string BatchRunner::outcome_of(const LineAnswer& answer) const {
    if (answer.status == 0) {
        return error_outcome("request_timeout", "The underlying call to the model timed out.");
    }
    return "\"response\": {\"status_code\": " + std::to_string(answer.status) + ", \"request_id\": \"req_" +
           line_id().substr(10) + "\", \"body\": " + one_line(answer.body) + "}, \"error\": null";
}

Result<bool> BatchRunner::write_rest(BatchLife::Rest rest, const Slice& slice) {
    if (rest == BatchLife::Rest::none) {
        return true;
    }
    const Result<bool> is_written = write_rest_lines(rest, slice);
    if (!is_written) {
        return is_written;
    }
    const Result<void> rested = rest_files();
    return rested ? is_written : rested.error();
}

Result<bool> BatchRunner::write_rest_lines(BatchLife::Rest rest, const Slice& slice) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < slice.lines_max && bytes < slice.bytes_max; ++i) {
        const Result<std::optional<std::string_view>> text = reader_.next();
        if (!text) {
            return text.error();
        }
        if (!*text) {
            return true;
        }
        ++done_;
        bytes += (*text)->size();
        auto read = read_batch_line(**text, plan_.endpoint, plan_.dialect);
        if (const BatchLine* line = std::get_if<BatchLine>(&read)) {
            counts_.failed += plan_.counts_expired ? 1 : 0;
            if (Result<void> added = errors_.add({line_id(), line->custom_id, rest_outcome(rest), {}}); !added) {
                return added.error();
            }
        }
    }
    return false;
}

Result<BatchRunner::Files> BatchRunner::close() {
    Result<std::unique_ptr<Draft>> output = output_.close();
    if (!output) {
        return output.error();
    }
    Result<std::unique_ptr<Draft>> errors = errors_.close();
    if (!errors) {
        return errors.error();
    }
    return Files{*std::move(output), *std::move(errors)};
}

}  // namespace eco2::fake
