#include "plugin_host/manifest.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <optional>

namespace eco2::plugin_host {
namespace {

constexpr std::array<std::string_view, 7> kKeys = {"id", "version", "abi_draft", "file", "sha256", "interfaces", "licence"};

class Reader {
public:
    Reader(const toml::table& table, std::string_view path) : table_(table), path_(path) {}

    std::string text(std::string_view key) {
        const auto* node = find(key);
        const auto value = node == nullptr ? std::nullopt : node->value_exact<std::string>();
        if (node != nullptr && (!value || value->empty())) {
            refuse(node->source().begin.line, std::string(key) + " must be a non-empty string");
        }
        return value.value_or(std::string{});
    }

    std::int64_t number(std::string_view key) {
        const auto* node = find(key);
        const auto value = node == nullptr ? std::nullopt : node->value_exact<std::int64_t>();
        if (node != nullptr && !value) {
            refuse(node->source().begin.line, std::string(key) + " must be a whole number");
        }
        return value.value_or(0);
    }

    std::vector<std::string> texts(std::string_view key) {
        std::vector<std::string> values;
        const auto* node = find(key);
        const auto* array = node == nullptr ? nullptr : node->as_array();
        if (node != nullptr && (array == nullptr || array->empty())) {
            refuse(node->source().begin.line, std::string(key) + " must be a non-empty array of strings");
        }
        for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
            const auto value = array->get(i)->value_exact<std::string>();
            if (!value || value->empty()) {
                refuse(array->get(i)->source().begin.line, std::string(key) + " must hold non-empty strings only");
            }
            values.push_back(value.value_or(std::string{}));
        }
        return values;
    }

    void refuse_unknown_keys() {
        for (const auto& [key, node] : table_) {
            if (std::find(kKeys.begin(), kKeys.end(), key.str()) == kKeys.end()) {
                refuse(key.source().begin.line, "unknown key " + std::string(key.str()));
            }
        }
    }

    void refuse(unsigned line, const std::string& reason) {
        if (!error_) {
            error_ = fail(Errc::plugin_refused, std::string(path_) + ":" + std::to_string(line) + ": " + reason);
        }
    }

    unsigned line_of(std::string_view key) const {
        const auto* node = table_.get(key);
        return node == nullptr ? 1 : node->source().begin.line;
    }

    const std::optional<Error>& error() const { return error_; }

private:
    const toml::node* find(std::string_view key) {
        const auto* node = table_.get(key);
        if (node == nullptr) {
            refuse(1, "missing key " + std::string(key));
        }
        return node;
    }

    const toml::table& table_;
    std::string_view path_;
    std::optional<Error> error_;
};

bool is_plain_name(std::string_view name) {
    return name != "." && name != ".." && name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

bool is_sha256(std::string_view text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<Manifest> read(const toml::table& table, std::string_view path) {
    Reader reader(table, path);
    reader.refuse_unknown_keys();
    Manifest manifest;
    manifest.id = reader.text("id");
    manifest.version = reader.text("version");
    manifest.abi_draft = reader.number("abi_draft");
    manifest.file = reader.text("file");
    manifest.sha256 = reader.text("sha256");
    manifest.interfaces = reader.texts("interfaces");
    manifest.licence = reader.text("licence");
    if (!is_plain_name(manifest.file)) {
        reader.refuse(reader.line_of("file"), "file must be a plain file name beside the manifest");
    }
    if (!is_sha256(manifest.sha256)) {
        reader.refuse(reader.line_of("sha256"), "sha256 must be 64 lower-case hex digits");
    }
    if (reader.error()) {
        return *reader.error();
    }
    return manifest;
}

}  // namespace

Result<Manifest> parse_manifest(std::string_view text, std::string_view path) {
    try {
        return read(toml::parse(text, path), path);
    } catch (const toml::parse_error& error) {
        return fail(
            Errc::plugin_refused,
            std::string(path) + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description()));
    }
}

}  // namespace eco2::plugin_host
