#include "anthropic/tool_uses.hpp"

#include "eco2/plugin/json.hpp"
#include "eco2/plugin/tool_calls.hpp"

#include <boost/json/serialize.hpp>

namespace eco2::anthropic {

using plugin::DeltaWriter;
using plugin::json_member;
using plugin::json_text;

namespace {

std::string input_of(const boost::json::value& block) {
    const boost::json::value* const input = json_member(&block, "input");
    return input == nullptr ? "{}" : boost::json::serialize(*input);
}

std::string_view text_member(const boost::json::value& block, std::string_view name) {
    return json_text(json_member(&block, name)).value_or("");
}

}  // namespace

ToolUses::Open ToolUses::kind_of(const boost::json::value& block) const {
    if (text_member(block, "type") != "tool_use") {
        return Open::none;
    }
    return asks_by_tool() && text_member(block, "name") == schema_tool_ ? Open::schema : Open::call;
}

void ToolUses::start(const boost::json::value* block, DeltaWriter& out) {
    finish(out);
    open_ = block == nullptr ? Open::none : kind_of(*block);
    if (open_ == Open::none) {
        return;
    }
    input_ = input_of(*block);
    if (open_ == Open::call) {
        out.tool(plugin::tool_call_start(count_++, text_member(*block, "id"), text_member(*block, "name"), ""));
    }
}

void ToolUses::piece(std::string_view json, DeltaWriter& out) {
    if (json.empty()) {
        return;
    }
    input_.clear();
    if (open_ == Open::schema) {
        out.text(json);
    } else if (open_ == Open::call) {
        out.tool(plugin::tool_call_piece(count_ - 1, json));
    }
}

void ToolUses::finish(DeltaWriter& out) {
    if (open_ != Open::none && !input_.empty()) {
        const std::string input = std::move(input_);
        piece(input, out);
    }
    input_.clear();
    open_ = Open::none;
}

void ToolUses::take_whole(const boost::json::value& block, DeltaWriter& out) {
    switch (kind_of(block)) {
        case Open::schema: out.text(input_of(block)); break;
        case Open::call:
            out.tool(plugin::tool_call_start(count_++, text_member(block, "id"), text_member(block, "name"), input_of(block)));
            break;
        case Open::none: break;
    }
}

}  // namespace eco2::anthropic
