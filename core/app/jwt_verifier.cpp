#include "app/jwt_verifier.hpp"

#include "base/limits.hpp"
#include "base/text.hpp"

#include <boost/json/parse.hpp>

#include <jwt.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

namespace eco2::app {
namespace {

namespace json = boost::json;

Error refused(std::string why) {
    return fail(Errc::unauthorized, "token refused: " + std::move(why));
}

/// base64url without padding (RFC 7515).
std::optional<std::string> decode_part(std::string_view part) {
    std::string text(part);
    std::replace(text.begin(), text.end(), '-', '+');
    std::replace(text.begin(), text.end(), '_', '/');
    text.append((4 - text.size() % 4) % 4, '=');
    return base64_decode(text);
}

Result<json::object> read_header(std::string_view token) {
    const auto decoded = decode_part(token.substr(0, token.find('.')));
    json::error_code ec;
    auto value = decoded ? json::parse(*decoded, ec) : json::value();
    if (!decoded || ec || !value.is_object()) {
        return refused("it is none");
    }
    return std::move(value.get_object());
}

std::string_view text_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

/// Seconds; nullopt: there is none. RFC 7519 lets them have a fraction.
std::optional<std::int64_t> time_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    json::error_code ec;
    const auto seconds = value->to_number<double>(ec);
    // What is no time is treated as one that refuses.
    return ec || seconds < 0 || seconds > 1e12 ? -1 : static_cast<std::int64_t>(seconds);
}

bool has_audience(const json::object& claims, std::string_view audience) {
    const auto* value = claims.if_contains("aud");
    if (value != nullptr && value->is_array()) {
        const auto& all = value->get_array();
        return std::any_of(all.begin(), all.end(), [&](const json::value& one) {
            return one.is_string() && std::string_view(one.get_string()) == audience;
        });
    }
    return text_at(claims, "aud") == audience;
}

using Token = std::unique_ptr<jwt_t, decltype(&jwt_free)>;

Result<json::object> verified_claims(const std::string& token, const std::string& key) {
    jwt_t* raw = nullptr;
    const int status =
        jwt_decode(&raw, token.c_str(), reinterpret_cast<const unsigned char*>(key.data()), static_cast<int>(key.size()));
    const Token decoded(raw, &jwt_free);
    if (status != 0) {
        return refused("its signature is wrong");
    }
    const std::unique_ptr<char, decltype(&std::free)> text(jwt_get_grants_json(decoded.get(), nullptr), &std::free);
    json::error_code ec;
    auto claims = text == nullptr ? json::value() : json::parse(text.get(), ec);
    if (ec || !claims.is_object()) {
        return refused("it has no claims");
    }
    return std::move(claims.get_object());
}

}  // namespace

Result<std::unique_ptr<JwtVerifier>> JwtVerifier::make(JwtRules rules, const Clock& clock) {
    const bool is_pem = rules.key.find("-----BEGIN") != std::string::npos;
    if (rules.key.find("PRIVATE KEY") != std::string::npos) {
        return fail(Errc::config_invalid, "auth.jwt.key is a private key; give the public one");
    }
    if (is_pem == (rules.algorithm == "HS256")) {
        return fail(Errc::config_invalid,
                    is_pem ? "auth.jwt.key is a PEM key, and HS256 needs a secret"
                           : "auth.jwt.key must be a public key in PEM for " + rules.algorithm);
    }
    if (!is_pem && rules.key.size() < limits::kJwtSecretBytesMin) {
        return fail(Errc::config_invalid,
                    "auth.jwt.key is shorter than " + std::to_string(limits::kJwtSecretBytesMin) + " bytes (RFC 7518, 3.2)");
    }
    return std::unique_ptr<JwtVerifier>(new JwtVerifier(std::move(rules), clock));
}

Result<std::string> JwtVerifier::verify(std::string_view text) const {
    if (text.size() > limits::kJwtBytesMax || std::count(text.begin(), text.end(), '.') != 2) {
        return refused("it is none");
    }
    const auto header = read_header(text);
    if (!header) {
        return header.error();
    }
    // Before the signature is looked at: the token must not choose how its key is read.
    if (text_at(*header, "alg") != rules_.algorithm) {
        return refused("its algorithm is not " + rules_.algorithm);
    }
    if (header->contains("crit")) {
        return refused("it asks for an extension that is not known here");
    }
    const auto claims = verified_claims(std::string(text), rules_.key);
    if (!claims) {
        return claims.error();
    }
    const auto now = clock_.wall_ns() / 1'000'000'000;
    const auto leeway = rules_.leeway.count();
    const auto expires = time_at(*claims, "exp");
    if (!expires || *expires + leeway <= now) {
        return refused(expires ? "it has expired" : "it has no exp");
    }
    for (const auto* name : {"nbf", "iat"}) {
        if (const auto from = time_at(*claims, name); from && (*from < 0 || *from > now + leeway)) {
            return refused("it is not good yet");
        }
    }
    if (!rules_.issuer.empty() && text_at(*claims, "iss") != rules_.issuer) {
        return refused("its issuer is another");
    }
    if (!rules_.audience.empty() && !has_audience(*claims, rules_.audience)) {
        return refused("it is for another audience");
    }
    const auto user = text_at(*claims, rules_.user_claim);
    if (!is_uuid(user)) {
        return refused("its " + rules_.user_claim + " is no UUID");
    }
    return to_lower_ascii(user);
}

}  // namespace eco2::app
