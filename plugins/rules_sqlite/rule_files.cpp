#include "rules_sqlite/rule_files.hpp"

#include <boost/json.hpp>
#include <system_error>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

namespace rules_sqlite {
namespace {

namespace json = boost::json;

Failure bad_file(std::string_view stem, std::string_view reason) {
    return fail(Status::invalid_argument, "bad_rule_file", std::string(stem) + ".json: " + std::string(reason));
}

Failure bad_directory(const std::filesystem::path& directory, std::string_view reason) {
    return fail(Status::invalid_argument, "bad_rule_directory", directory.string() + ": " + std::string(reason));
}

Result<std::vector<std::filesystem::path>> list_rule_files(const std::filesystem::path& directory) {
    std::error_code ec;
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator entry(directory, ec), end; !ec && entry != end; entry.increment(ec)) {
        if (entry->path().extension() == ".json") {
            files.push_back(entry->path());
        }
        if (files.size() > kRulesMax) {
            return bad_directory(directory, "more than " + std::to_string(kRulesMax) + " rule files");
        }
    }
    if (ec) {
        return bad_directory(directory, ec.message());
    }
    if (files.empty()) {
        return bad_directory(directory, "no .json file in it");
    }
    std::sort(files.begin(), files.end());
    return files;
}

Result<std::string> read_file(const std::filesystem::path& path) {
    std::error_code ec;
    if (!std::filesystem::is_regular_file(path, ec)) {
        return bad_file(path.stem().string(), "not a regular file");
    }
    std::ifstream in(path, std::ios::binary);
    std::string bytes(kRuleBytesMax + 1, '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (in.bad() || (!in && !in.eof())) {
        return bad_file(path.stem().string(), "cannot be read");
    }
    bytes.resize(static_cast<std::size_t>(in.gcount()));
    return bytes;
}

}  // namespace

Result<Rule> parse_rule(std::string_view stem, std::string_view bytes) {
    if (bytes.size() > kRuleBytesMax) {
        return bad_file(stem, "larger than " + std::to_string(kRuleBytesMax) + " bytes");
    }
    Rule rule;
    const auto underscore = stem.find('_');
    rule.category = stem.substr(0, underscore);
    rule.key = underscore == std::string_view::npos ? std::string_view() : stem.substr(underscore + 1);
    rule.file = stem;
    if (rule.category.empty() || (rule.key.empty() && underscore != std::string_view::npos)) {
        return bad_file(stem, "the file name must be CATEGORY.json or CATEGORY_KEY.json");
    }

    boost::system::error_code ec;
    const json::value value = json::parse(bytes, ec);
    if (ec) {
        return bad_file(stem, "not JSON: " + ec.message());
    }
    const json::object* object = value.if_object();
    if (object == nullptr) {
        return bad_file(stem, "not a JSON object");
    }
    const json::value* category = object->if_contains("category");
    if (category == nullptr || !category->is_string()) {
        return bad_file(stem, "has no text `category`");
    }
    rule.body = json::serialize(*object);
    return rule;
}

Result<std::vector<Rule>> read_rule_directory(const std::filesystem::path& directory) {
    auto files = list_rule_files(directory);
    if (!files) {
        return files.error();
    }
    std::vector<Rule> rules;
    std::size_t total_bytes = 0;
    for (const auto& file : *files) {
        auto bytes = read_file(file);
        if (!bytes) {
            return bytes.error();
        }
        auto rule = parse_rule(file.stem().string(), *bytes);
        if (!rule) {
            return rule.error();
        }
        total_bytes += rule->body.size();
        if (total_bytes > kRuleSetBytesMax) {
            return bad_directory(directory, "more than " + std::to_string(kRuleSetBytesMax) + " bytes of rules");
        }
        rules.push_back(*std::move(rule));
    }
    return rules;
}

}  // namespace rules_sqlite
