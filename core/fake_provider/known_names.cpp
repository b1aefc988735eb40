#include "fake_provider/known_names.hpp"

#include "base/nearest.hpp"
#include "base/result.hpp"
#include "base/text.hpp"

namespace eco2::fake {
namespace {

constexpr std::size_t kWordBytesMax = 64;  // of a key that is shown again

}  // namespace

Error bad_key(std::string_view key, std::string_view expected) {
    return fail(Errc::invalid_field, "\"" + std::string(key) + "\" must be " + std::string(expected));
}

Error unknown_key(std::string_view key, std::string_view what, const std::vector<std::string>& known) {
    std::string out = "\"" + shorten(key, kWordBytesMax) + "\" is not a key of " + std::string(what);
    if (const std::string near = nearest(key, known); !near.empty()) {
        return fail(Errc::invalid_field, out + "; did you mean \"" + near + "\"?");
    }
    out += "; known are";
    for (const auto& name : known) {
        out += " " + name;
    }
    return fail(Errc::invalid_field, out);
}

}  // namespace eco2::fake
