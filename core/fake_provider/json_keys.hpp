#pragma once

#include "base/result.hpp"
#include "fake_provider/known_names.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Tables of the keys that an object of a person's may have: each key knows how to read its value into a member.
namespace eco2::fake {

template <class Out>
struct Key {
    std::string_view name;
    Result<void> (*read)(Out& out, std::string_view key, const boost::json::value& value);
};

template <class Member>
struct MemberOwner;
template <class Owner, class Type>
struct MemberOwner<Type Owner::*> {
    using type = Owner;
};
template <auto member>
using OwnerOf = typename MemberOwner<decltype(member)>::type;

inline bool set_text(std::string& out, const boost::json::value& value) {
    if (!value.is_string()) {
        return false;
    }
    out.assign(value.get_string().data(), value.get_string().size());
    return true;
}

template <class Int>
bool set_integer(Int& out, const boost::json::value& value, std::int64_t low, std::int64_t high) {
    if (!value.is_int64() || value.get_int64() < low || value.get_int64() > high) {
        return false;
    }
    out = static_cast<Int>(value.get_int64());
    return true;
}

template <auto member>
Result<void> read_flag(OwnerOf<member>& out, std::string_view key, const boost::json::value& value) {
    if (!value.is_bool()) {
        return bad_key(key, "true or false");
    }
    out.*member = value.get_bool();
    return {};
}

template <auto member>
Result<void> read_text(OwnerOf<member>& out, std::string_view key, const boost::json::value& value) {
    return set_text(out.*member, value) ? Result<void>{} : Result<void>{bad_key(key, "a text")};
}

template <auto member, std::int64_t low, std::int64_t high>
Result<void> read_integer(OwnerOf<member>& out, std::string_view key, const boost::json::value& value) {
    return set_integer(out.*member, value, low, high)
               ? Result<void>{}
               : Result<void>{bad_key(key, "an integer from " + std::to_string(low) + " to " + std::to_string(high))};
}

/// A share of a whole.
template <auto member>
Result<void> read_share(OwnerOf<member>& out, std::string_view key, const boost::json::value& value) {
    if (!value.is_number() || value.to_number<double>() < 0 || value.to_number<double>() > 1) {
        return bad_key(key, "a number from 0 to 1");
    }
    out.*member = value.to_number<double>();
    return {};
}

/// A line break in a header would let the caller write a second answer.
inline bool is_header_text(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

/// The value of a Retry-After header: seconds, or the header's text.
template <auto member>
Result<void> read_retry_after(OwnerOf<member>& out, std::string_view key, const boost::json::value& value) {
    if (value.is_int64() && value.get_int64() >= 0) {
        out.*member = std::to_string(value.get_int64());
        return {};
    }
    if (set_text(out.*member, value) && is_header_text(out.*member)) {
        return {};
    }
    return bad_key(key, "seconds or the header's text");
}

/// Reads every member of `json` into `out`. `what` names the object in errors; `also` are further keys, which were taken out
/// before, for its hints. Errors: invalid_field, with the key's name; `out` is then half read.
template <class Out, std::size_t extent>
Result<void> read_keys(Out& out,
                       const boost::json::object& json,
                       std::span<const Key<Out>, extent> keys,
                       std::string_view what,
                       std::vector<std::string> also = {}) {
    for (const auto& [name, value] : json) {
        const auto key =
            std::find_if(keys.begin(), keys.end(), [&name = name](const Key<Out>& known) { return known.name == name; });
        if (key == keys.end()) {
            for (const Key<Out>& row : keys) {
                also.emplace_back(row.name);
            }
            return unknown_key(name, what, also);
        }
        if (Result<void> read = key->read(out, name, value); !read) {
            return read.error();
        }
    }
    return {};
}

}  // namespace eco2::fake
