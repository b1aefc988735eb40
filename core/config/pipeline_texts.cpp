#include "base/text.hpp"
#include "config/pipeline_reader.hpp"
#include "config/text_file.hpp"

#include <boost/json/stream_parser.hpp>

#include <algorithm>

namespace eco2::config {

std::optional<std::string> FileTexts::read(const PlacedText& file) {
    if (file.text.empty()) {
        return std::nullopt;  // told already
    }
    auto text = read_text_file((directory_ / file.text).lexically_normal());
    if (!text) {
        reading_.problems.add(file.place, file.path, text.error().detail);
        return std::nullopt;
    }
    if (!is_valid_utf8(*text)) {
        reading_.problems.add(file.place, file.path, file.text + ": is not UTF-8; save it as UTF-8");
        return std::nullopt;
    }
    return std::move(*text);
}

std::optional<std::string> FileTexts::read_json_object(const PlacedText& file) {
    auto text = read(file);
    if (!text) {
        return std::nullopt;
    }
    boost::json::stream_parser parser;
    boost::system::error_code ec;
    const std::size_t consumed = parser.write_some(*text, ec);
    if (!ec && consumed < text->size()) {
        ec = boost::json::make_error_code(boost::json::error::extra_data);
    }
    if (!ec) {
        parser.finish(ec);
    }
    if (ec) {
        const auto line = std::count(text->begin(), text->begin() + static_cast<std::ptrdiff_t>(consumed), '\n') + 1;
        reading_.problems.add(
            file.place,
            file.path,
            file.text + ":" + std::to_string(line) + ": is not JSON (" + ec.message() + "); correct the file");
        return std::nullopt;
    }
    if (!parser.release().is_object()) {
        reading_.problems.add(file.place, file.path, file.text + ": must hold a JSON object");
        return std::nullopt;
    }
    return text;
}

bool FileTexts::is_complete(Section& section,
                            std::string_view key,
                            const std::vector<std::pair<std::string, PlacedText>>& texts) {
    bool is_good = true;
    std::string known;
    for (const auto& language : languages_) {
        known += (known.empty() ? "" : ", ") + language;
    }
    for (const auto& [language, text] : texts) {
        if (std::find(languages_.begin(), languages_.end(), language) == languages_.end()) {
            reading_.problems.add(text.place, text.path, "is no language of this pipeline; must be one of " + known);
            is_good = false;
        }
    }
    const bool has_default = languages_.empty() || std::any_of(texts.begin(), texts.end(), [this](const auto& text) {
                                 return text.first == languages_.front();
                             });
    if (!has_default) {
        section.problem(key, "has no text in the default language; \"" + languages_.front() + "\" must be there");
        is_good = false;
    }
    return is_good;
}

TextByLanguage FileTexts::literal(Section& section, std::string_view key) {
    TextByLanguage out;
    const auto texts = section.named_texts(key);
    if (is_complete(section, key, texts)) {
        for (const auto& [language, text] : texts) {
            out[language] = text.text;
        }
    }
    return out;
}

TextByLanguage FileTexts::files(Section& section, std::string_view key, bool is_json) {
    TextByLanguage out;
    const auto names = section.named_texts(key);
    if (is_complete(section, key, names)) {
        for (const auto& [language, name] : names) {
            out[language] = (is_json ? read_json_object(name) : read(name)).value_or(std::string());
        }
    }
    return out;
}

}  // namespace eco2::config
