#include "reward_character/catalogue.hpp"

#include <boost/json.hpp>

#include <array>
#include <fstream>
#include <optional>
#include <set>
#include <utility>

namespace reward_character {
namespace {

namespace json = boost::json;
using eco2::plugin::fail;
using eco2::plugin::Failure;
using eco2::plugin::Result;
using eco2::plugin::Status;

Failure bad_catalogue(std::string_view name, const std::string& reason) {
    return fail(Status::invalid_argument, "bad_catalogue", std::string(name) + ": " + reason);
}

/// Fills `character`; what is returned is the reason why not.
std::optional<std::string> read_character(const json::value& value, Character& character) {
    struct Field {
        std::string_view key;
        std::string Character::*member;
        bool may_be_empty;
    };
    constexpr std::array<Field, 5> kFields{{{"code", &Character::code, false},
                                            {"name", &Character::name, false},
                                            {"type", &Character::type, true},
                                            {"dialog", &Character::dialog, true},
                                            {"match", &Character::match, false}}};
    const json::object* object = value.if_object();
    if (object == nullptr) {
        return "is no object";
    }
    for (const Field& field : kFields) {
        const json::value* text = object->if_contains(field.key);
        if (text == nullptr || !text->is_string()) {
            return "has no text `" + std::string(field.key) + "`";
        }
        character.*field.member = std::string_view(text->get_string());
        if (!field.may_be_empty && (character.*field.member).empty()) {
            return "has an empty `" + std::string(field.key) + "`";
        }
    }
    if (object->size() != kFields.size()) {
        return "has a key that is none of code, name, type, dialog, match";
    }
    return std::nullopt;
}

}  // namespace

Result<Catalogue> Catalogue::load(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        return bad_catalogue(path, "cannot be opened");
    }
    std::string text(kBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad()) {
        return bad_catalogue(path, "cannot be read");
    }
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > kBytesMax) {
        return bad_catalogue(path, "larger than " + std::to_string(kBytesMax) + " bytes");
    }
    return parse(text, path);
}

Result<Catalogue> Catalogue::parse(std::string_view text, std::string_view name) {
    boost::system::error_code ec;
    const json::value value = json::parse(text, ec);
    if (ec) {
        return bad_catalogue(name, "not JSON: " + ec.message());
    }
    const json::array* entries = value.if_array();
    if (entries == nullptr || entries->empty()) {
        return bad_catalogue(name, "must be an array of characters, with at least one");
    }
    Catalogue catalogue;
    std::set<std::string> codes;
    for (std::size_t i = 0; i < entries->size(); ++i) {
        const std::string place = "entry " + std::to_string(i + 1) + " ";
        Character character;
        if (const auto reason = read_character((*entries)[i], character)) {
            return bad_catalogue(name, place + *reason);
        }
        if (!codes.insert(character.code).second) {
            return bad_catalogue(name, place + "repeats the code " + character.code);
        }
        std::string match = character.match;
        if (!catalogue.by_match_.try_emplace(std::move(match), std::move(character)).second) {
            return bad_catalogue(name, place + "repeats the match of another");
        }
    }
    return catalogue;
}

const Character* Catalogue::find(std::string_view match) const {
    const auto found = by_match_.find(match);
    return found == by_match_.end() ? nullptr : &found->second;
}

}  // namespace reward_character
