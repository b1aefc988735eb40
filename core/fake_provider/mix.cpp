#include "fake_provider/mix.hpp"

#include "fake_provider/behaviour.hpp"
#include "fake_provider/fault_models.hpp"
#include "fake_provider/known_names.hpp"
#include "fake_provider/script.hpp"

#include <boost/json/value.hpp>

#include <charconv>
#include <optional>

namespace eco2::fake {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMixPurpose = 3;
constexpr double kRounding = 1e-9;  // shares are decimal fractions

std::optional<Behaviour> by_status(std::string_view name) {
    Behaviour out;
    out.fault = Fault::status;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), out.status);
    const bool is_number = read.ec == std::errc() && read.ptr == name.data() + name.size();
    return is_number && is_playable_status(out.status) ? std::optional(std::move(out)) : std::nullopt;
}

Result<Behaviour> named(std::string_view name, double fault_scale) {
    if (std::optional<Behaviour> model = fault_model(name, fault_scale)) {
        return *std::move(model);
    }
    if (std::optional<Behaviour> status = by_status(name)) {
        return *std::move(status);
    }
    return read_behaviour({{"fault", name}});
}

}  // namespace

const Behaviour* FaultMix::draw(std::uint64_t number) const {
    if (entries_.empty()) {
        return nullptr;
    }
    const double drawn = dice(seed_, number, kMixPurpose);
    for (const Entry& entry : entries_) {
        if (drawn < entry.up_to) {
            return entry.behaviour.get();
        }
    }
    return nullptr;
}

Result<FaultMix> read_mix(const json::object& json, double fault_scale) {
    FaultMix out;
    double sum = 0;
    for (const auto& [name, value] : json) {
        if (name == "seed") {
            if (!value.is_int64() || value.get_int64() < 0) {
                return bad_key(name, "an integer from 0");
            }
            out.seed_ = static_cast<std::uint64_t>(value.get_int64());
            continue;
        }
        Result<Behaviour> behaviour = named(name, fault_scale);
        if (!behaviour) {
            return bad_key(name, "a status, \"seed\", a fault or one of: " + fault_model_names());
        }
        const json::value* share = &value;
        json::object rest;
        if (value.is_object()) {
            rest = value.get_object();
            share = value.get_object().if_contains("share");
            rest.erase("share");
        }
        if (share == nullptr || !share->is_number() || share->to_number<double>() < 0 || share->to_number<double>() > 1) {
            return bad_key(name, "a share from 0 to 1, or an object with one");
        }
        behaviour = read_behaviour(rest, *std::move(behaviour));
        if (!behaviour) {
            return behaviour.error();
        }
        behaviour->once = false;  // it is drawn by number
        sum += share->to_number<double>();
        out.entries_.push_back({sum, std::make_shared<const Behaviour>(*std::move(behaviour))});
    }
    if (sum > 1 + kRounding) {
        return bad_key("mix", "shares that sum to no more than 1");
    }
    return out;
}

}  // namespace eco2::fake
