#include "pipeline/run_values.hpp"

#include "base/limits.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace eco2 {
namespace {

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> words;
    for (;;) {
        const auto dot = text.find('.');
        words.emplace_back(text.substr(0, dot));
        if (dot == std::string_view::npos) {
            return words;
        }
        text.remove_prefix(dot + 1);
    }
}

}  // namespace

Result<ValuePath> ValuePath::parse(std::string_view text, const std::vector<std::string>& stages) {
    auto words = split(text);
    ValuePath path;
    if (words.front() != "input") {
        const auto stage = std::find(stages.begin(), stages.end(), words.front());
        if (stage == stages.end()) {
            return fail(Errc::config_invalid,
                        "\"" + std::string(text) + "\" must start with \"input\" or an earlier stage's name");
        }
        path.stage = static_cast<int>(stage - stages.begin());
    }
    words.erase(words.begin());
    path.keys = std::move(words);
    return path;
}

const boost::json::value& StageOutput::value() const {
    if (!value_) {
        boost::json::parse_options options;
        options.max_depth = limits::kJsonDepthMax;
        boost::json::error_code ec;
        value_ = boost::json::parse(json(), ec, {}, options);
        if (ec) {
            value_ = nullptr;
        }
    }
    return *value_;
}

const StageOutput& RunValues::output(int stage) const {
    static const StageOutput none{{}, boost::json::value()};  // parsed already: threads share it
    const auto index = static_cast<std::size_t>(stage);
    return index < outputs.size() ? outputs[index] : none;
}

const boost::json::value* RunValues::find(const ValuePath& path) const {
    const boost::json::value* at = path.stage == ValuePath::kInput ? &input : &output(path.stage).value();
    for (const auto& key : path.keys) {
        const auto* object = at->if_object();
        at = object == nullptr ? nullptr : object->if_contains(key);
        if (at == nullptr) {
            return nullptr;
        }
    }
    return at;
}

std::string RunValues::json(const ValuePath& path) const {
    if (path.stage != ValuePath::kInput && path.keys.empty()) {
        return std::string(output(path.stage).json());
    }
    const auto* value = find(path);
    return value == nullptr ? "null" : boost::json::serialize(*value);
}

bool RunValues::has(const ValuePath& path) const {
    if (path.stage != ValuePath::kInput && path.keys.empty()) {
        return !output(path.stage).is_null();
    }
    const auto* value = find(path);
    return value != nullptr && !value->is_null();
}

}  // namespace eco2
