#pragma once

#include "eco2/plugin/delta_writer.hpp"
#include "eco2/plugin/result.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace eco2::openai {

/// The tool calls of one answer of the Responses API, told in the form of chat completions: each begins once and goes on in
/// pieces, and its index counts the calls.
///
/// Thread-safety: none; one belongs to one answer.
class ResponseCalls {
public:
    static bool is_call(const boost::json::value* item);

    /// An item has begun that is a call, at `place` in the output; -1: the server does not say where.
    void start(const boost::json::value& item, std::int64_t place, plugin::DeltaWriter& out);
    void piece(std::string_view arguments, std::int64_t place, plugin::DeltaWriter& out);
    /// The item has come whole: what has not been told is told now. Errors: malformed (other arguments than the pieces).
    plugin::Result<void> finish(const boost::json::value& item, std::int64_t place, plugin::DeltaWriter& out);

    bool has_any() const noexcept { return !calls_.empty(); }

private:
    struct Call {
        std::int64_t place = -1;
        int index = 0;
        std::string told;  // of the arguments
        bool is_whole = false;
    };

    Call* find(std::int64_t place);

    std::vector<Call> calls_;
};

}  // namespace eco2::openai
