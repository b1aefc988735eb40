#pragma once

#include "eco2/plugin/delta_writer.hpp"

#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace eco2::anthropic {

/// The tool_use blocks of one answer: calls, told in the form of OpenAI's chat completions, or, of the tool that a schema was
/// asked for by, the answer's text.
///
/// Thread-safety: none; one belongs to one answer. Blocks come one after the other, as the API promises.
class ToolUses {
public:
    /// `schema_tool`: empty where no schema was asked for by a tool.
    explicit ToolUses(std::string_view schema_tool) : schema_tool_(schema_tool) {}

    /// A block has begun; one that is no tool_use ends the one before.
    void start(const boost::json::value* block, plugin::DeltaWriter& out);
    void piece(std::string_view json, plugin::DeltaWriter& out);
    /// The block has ended: an input that came with its beginning, in no pieces, is told now.
    void finish(plugin::DeltaWriter& out);
    /// A block of a whole answer.
    void take_whole(const boost::json::value& block, plugin::DeltaWriter& out);

    bool asks_by_tool() const noexcept { return !schema_tool_.empty(); }
    bool has_calls() const noexcept { return count_ > 0; }

private:
    enum class Open { none, call, schema };

    Open kind_of(const boost::json::value& block) const;

    std::string schema_tool_;
    Open open_ = Open::none;
    int count_ = 0;      // of calls that have begun
    std::string input_;  // of the open block, until a piece has come
};

}  // namespace eco2::anthropic
